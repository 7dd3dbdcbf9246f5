"""A command whose output nobody reads, or whose locale knows no such letters, loses nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import vae_anime
from experiments.launch import cli
from experiments.launch.options import default_run_dir
from experiments.tasks.vae import VaeTask

ROOT = Path(__file__).parents[3]
SMALL = ["--image-size", "16", "--batch-size", "8", "--checkpoint-minutes", "60"]


def command(name, *options):
    return [sys.executable, "-m", f"experiments.{name}", *map(str, options)]


@pytest.mark.slow
def test_with_its_streams_closed_and_a_locale_of_ascii_a_run_ends_whole(faces, tmp_path):
    data, run = tmp_path / "data", tmp_path / "run"
    shutil.copytree(faces / "anime", data)
    (data / "0.png").rename(data / "目が大きい.png")
    (data / "壊れた.png").write_bytes(b"no image")
    line = command("vae_anime", *SMALL, "--data", data, "--run-dir", run, "--max-steps", 1)
    ascii_alone = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        ["sh", "-c", '"$@" >&- 2>&-', "sh", *line, "--skip-unreadable"],
        cwd=ROOT, env=os.environ | ascii_alone,
    )  # fmt: skip
    assert done.returncode == 0
    assert json.loads((run / "metrics.json").read_text("utf-8"))["steps"] == 1
    escaped = os.fsencode("壊れた.png").decode("ascii", "surrogateescape")
    said = escaped.encode("utf-8", "backslashreplace").decode("ascii")
    assert said in (run / "data.csv").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["its reader goes away", "the terminal is closed"])
def test_training_stops_with_a_checkpoint_when(what, faces, tmp_path):
    number = signal.SIGPIPE if "reader" in what else signal.SIGHUP
    line = command(
        "vae_anime", *SMALL, "--data", faces / "anime", "--epochs", 100_000, "--run-dir", tmp_path
    )
    with subprocess.Popen(
        line, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        # a row for each epoch, so that it prints soon after
        while "data" not in process.stdout.readline():
            pass
        while not (tmp_path / "logs" / "steps.csv").exists() and process.poll() is None:
            pass
        if number == signal.SIGPIPE:
            process.stdout.close()
        else:
            process.send_signal(number)
        error = process.stderr.read()
        assert process.wait(timeout=120) == 128 + number, error
    check_stopped(error, tmp_path)


def test_in_the_tests_own_process_it_stops_so_when_the_terminal_is_closed(
    faces, training_alone, tmp_path, capsys
):
    options = {"image_size": 16, "batch_size": 8, "data": str(faces / "anime"), "epochs": 100_000}
    with training_alone(), pytest.MonkeyPatch.context() as patch:
        hang_up = lambda task, check: os.kill(os.getpid(), signal.SIGHUP) or {}  # noqa: E731
        patch.setattr(VaeTask, "validate", hang_up)
        config = vae_anime.Config(**options, run_dir=tmp_path)
        code = cli.guarded("vae_anime", vae_anime.run, config)
    assert code == 128 + signal.SIGHUP
    check_stopped(capsys.readouterr().err, tmp_path)


def check_stopped(error, folder):
    assert f"the same command with --run-dir {folder} goes on" in error
    assert error.count("\n") == 1
    assert list((folder / "checkpoints").glob("step-*.index"))


def test_a_run_folder_whose_name_is_no_text_is_refused_in_a_line(tmp_path):
    line = [*map(os.fsencode, command("vae_anime", "--run-dir")), bytes(tmp_path) + b"/\xff"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "is no UTF-8, which TensorFlow needs" in done.stderr


def test_runs_that_start_within_the_same_second_get_a_folder_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len({default_run_dir("vae_anime") for _ in range(5)}) == 5
