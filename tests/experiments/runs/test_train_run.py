"""What a run that goes on takes over from before."""

import os
import shutil
import signal

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from experiments import vae_anime
from experiments.launch import cli
from experiments.launch.errors import Stopped
from experiments.runs.train_run import Run
from experiments.tasks.vae import VaeTask
from tf_gen.training.history import read_csv


@pytest.mark.parametrize("inside", [".", "run"])
def test_a_run_within_its_data_is_refused_since_its_pictures_would_join_them(
    inside, faces, tmp_path, capsys
):
    shutil.copytree(faces / "anime", tmp_path / "data")
    config = vae_anime.Config(data=str(tmp_path / "data"), run_dir=tmp_path / "data" / inside)
    assert cli.guarded("vae_anime", vae_anime.run, config) == 2
    error = capsys.readouterr().err
    assert "its pictures would be trained on; choose a folder outside" in error
    assert len(list((tmp_path / "data").iterdir())) == 24


@pytest.mark.parametrize(
    "validation",
    [
        pytest.param(1, id="within the run", marks=pytest.mark.slow),
        pytest.param(2, id="of a last, short epoch"),
    ],
)
def test_a_signal_while_an_epoch_is_validated_stops_at_once_and_that_is_made_up_for(
    validation, finished, faces, tmp_path, monkeypatch
):
    straight = finished("vae_anime")  # an epoch of three steps, and one of the second

    def train():
        options = {"data": str(faces / "anime"), "image_size": 16, "batch_size": 8, "max_steps": 4}
        vae_anime.run(vae_anime.Config(**options, run_dir=tmp_path))

    def seen(folder):
        events = EventAccumulator(str(folder / "logs")).Reload()
        tags = events.Tags()["tensors"]
        return (
            read_csv(folder / "logs" / "epochs.csv"),
            {tag: [event.step for event in events.Tensors(tag)] for tag in tags},
            (folder / "checkpoints" / "best.json").read_text(),
        )

    monkeypatch.setattr(Run, "finish", lambda self: None)
    validate, calls = VaeTask.validate, []

    def interrupted(task, check):
        def check_this(check=check):
            check()
            calls.append("a batch more")

        calls.append("validate")
        if calls.count("validate") == validation:
            os.kill(os.getpid(), signal.SIGTERM)
            check = check_this
        found = validate(task, check)
        calls.append("to its end")
        return found

    monkeypatch.setattr(VaeTask, "validate", interrupted)
    with pytest.raises(Stopped):
        train()
    # stopped after the first batch
    assert calls == ["validate", "to its end"] * (validation - 1) + ["validate"]
    train()
    assert seen(tmp_path) == seen(straight)
