"""Runs that are killed again and again end as one that never was."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tf_gen.data import draw_faces, draw_pairs
from tf_gen.training.history import read_csv

ROOT = Path(__file__).parents[3]
TIMEOUT = 300  # seconds, for a slow machine


@pytest.fixture(scope="module")
def data(finished, tmp_path_factory):
    """40 pairs of maps and 3 to validate, 180 faces, and a VAE that was trained on such."""
    folder = tmp_path_factory.mktemp("data")
    for split, count in (("train", 40), ("val", 3)):
        (folder / "maps" / split).mkdir(parents=True)
        for i, sides in enumerate(zip(*draw_pairs(count, count, 48), strict=True)):
            image = Image.fromarray(np.concatenate(sides, axis=1))
            image.save(folder / "maps" / split / f"{i + 1}.png")
    (folder / "faces").mkdir()
    for i, image in enumerate(draw_faces(180, 0, "anime", 16)):
        Image.fromarray(image).save(folder / "faces" / f"{i}.png")
    (folder / "vae").symlink_to(finished("vae_anime"))
    return folder


def command(name, *options):
    return [sys.executable, "-m", f"experiments.{name}", *map(str, options)]


UNMEASURED = """
import runpy, sys
from experiments.runs.train_run import Run
Run.finish = lambda run: None
_, name, *sys.argv[1:] = sys.argv
runpy.run_module(name, run_name="__main__")
"""


def unmeasured(line):
    """A command's line of which training is all."""
    python, _, *rest = line
    return [python, "-c", UNMEASURED, *rest]


def training(model, data, steps):
    """The command but for its run folder: 20 steps are an epoch of each."""
    shared = ["--deterministic", "--checkpoint-steps", 5, "--epochs", 10_000, "--max-steps", steps]
    if model == "pix2pix":
        own = ["pix2pix_maps", "--data", data / "maps", "--filters", 8, "--image-size", 32]
        return command(*own, "--batch-size", 2, *shared)
    own = ["vq_vae_faces", "--data", data / "faces", "--vae-run", data / "vae", "--image-size", 16]
    codebook = ["--codebook", "ema", "--codebook-start", "kmeans", "--restart-below", 0.5]
    return command(*own, "--codes", 16, *codebook, "--batch-size", 8, *shared)


class Life:
    """One process of a run."""

    def __init__(self, line, folder):
        self.folder, self.said = folder, folder.with_name(f"{folder.name}.out")
        self.log, self.new = folder / "logs" / "steps.csv", folder / "checkpoints" / "new"
        self._log_before = self._log_now()
        with self.said.open("w") as out:
            self.process = subprocess.Popen(line, cwd=ROOT, stdout=out, stderr=out)

    def _log_now(self):
        return self.log.stat().st_ino if self.log.exists() else None

    def wait_until(self, condition):
        """Whether that came true before the process ended."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, self.said.read_text()
            if self.process.poll() is not None:
                return False
            time.sleep(0.0005)
        return True

    def first(self):
        """The step that it began from; None if it does not train yet: the log is that of the life
        before until it has been cut back to there."""
        if self._log_now() == self._log_before:
            return None
        found = re.search(r"goes on from step (\d+)", self.said.read_text())
        return int(found[1]) if found else 0

    def last(self):
        """The last step that it wrote down."""
        rows = self.log.read_text().rpartition("\n")[0].split("\n")
        number = rows[-1].partition(",")[0]
        return int(number) if number.isdigit() else 0

    def has_done(self, steps):
        """Whether it has gone so many steps from where it began."""
        began = self.first()
        return began is not None and self.last() >= began + steps

    def writes_a_checkpoint(self):
        """Whether it writes one now; what the life before left there is of a step to come."""
        names = [path.name for path in self.new.glob("step-*")] if self.new.exists() else []
        return any(int(re.match(r"step-(\d+)", name)[1]) <= self.last() for name in names)

    def kill(self, rng, in_checkpoint, within):
        """Kill it after 1 to ``within`` steps, or in the writing of the next checkpoint then."""
        steps = rng.integers(1, within + 1)
        assert self.wait_until(lambda: self.has_done(steps)), self.said.read_text()
        began = self.first()
        if in_checkpoint:
            assert self.wait_until(self.writes_a_checkpoint)
        else:
            time.sleep(rng.uniform(0.0, 0.05))
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait() == -signal.SIGKILL, self.said.read_text()
        return {"from": began, "to": self.last(), "in a checkpoint": self.writes_a_checkpoint()}


def state(folder):
    """All that the checkpoint of a finished run holds."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder / "checkpoints")))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def rows(path):
    """A log without what the clock says."""
    return [{k: v for k, v in row.items() if k != "step_seconds"} for row in read_csv(path)]


def events(folder):
    """{tag: the numbers of its events} of TensorBoard."""
    found = EventAccumulator(str(folder / "logs"), size_guidance={"tensors": 0}).Reload()
    return {tag: [e.step for e in found.Tensors(tag)] for tag in found.Tags()["tensors"]}


def survive(line, tmp_path, kills, steps):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    subprocess.run([*line, "--run-dir", straight], cwd=ROOT, check=True, capture_output=True)
    rng, found = np.random.default_rng(kills), []
    for i in range(kills):
        life = Life([*line, "--run-dir", broken], broken)
        found.append(life.kill(rng, i % 3 == 1, within=int(0.8 * steps / kills)))
        print(json.dumps(found[-1]), flush=True)
    life = Life([*line, "--run-dir", broken], broken)
    assert life.process.wait(TIMEOUT) == 0, life.said.read_text()

    expected, ended = state(straight), state(broken)
    assert expected.keys() == ended.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(value, ended[name], err_msg=name)
    for log in ("steps.csv", "epochs.csv"):
        assert rows(straight / "logs" / log) == rows(broken / "logs" / log)
    assert events(straight) == events(broken)
    assert events(broken)["images_per_second"] == list(range(1, steps + 1))
    for name in ("best.json", "best.weights.h5"):
        assert (straight / "checkpoints" / name).read_bytes() == (
            broken / "checkpoints" / name
        ).read_bytes()
    assert any(kill["in a checkpoint"] for kill in found)
    assert all(kill["to"] > kill["from"] for kill in found) and found[-1]["from"] > 0
    assert not (broken / "checkpoints" / "new").exists()


@pytest.mark.slow  # piece by piece: tests/training/test_checkpoints.py, tasks/test_pix2pix.py
@pytest.mark.parametrize("model", ["pix2pix", "vq_vae"])
def test_two_kills_change_nothing(model, data, tmp_path):
    survive(unmeasured(training(model, data, 60)), tmp_path, kills=2, steps=60)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["pix2pix", "vq_vae"])
def test_twenty_five_kills_change_nothing(model, data, tmp_path):
    survive(training(model, data, 1500), tmp_path, kills=25, steps=1500)


# A disk that is full, or cannot be written ------------------------------------------------


@pytest.fixture(scope="module")
def small_disk():
    """(size, lines of shell) -> what they said in a file system of that size, mounted at $DISK."""

    def run(size, *lines, folder):
        mount = f"mount -t tmpfs -o size={size} none $DISK"
        return subprocess.run(
            ["unshare", "--map-root-user", "--mount", "sh", "-c", "; ".join([mount, *lines])],
            cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT,
            env=os.environ | {"DISK": str(folder)},
        )  # fmt: skip

    if not shutil.which("unshare"):
        pytest.skip("needs unshare")
    return run


def shell(model, data, steps):
    return shlex.join(training(model, data, steps)) + " --run-dir $DISK/run"


@pytest.mark.slow
def test_a_disk_that_fills_up_ends_in_one_line_with_the_last_checkpoint_there(
    small_disk, data, tmp_path
):
    done = small_disk(
        "60M", f"{shell('pix2pix', data, 100_000)} & run=$!",
        "until test -e $DISK/run/checkpoints/step-10.index; do sleep 0.05; done",
        "cat /dev/zero > $DISK/all 2> /dev/null", "wait $run", "echo ended with $?",
        "cd $DISK/run/checkpoints && ls", folder=tmp_path,
    )  # fmt: skip
    if "mount: " in done.stderr or "unshare: " in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert "ended with 2" in done.stdout, done.stderr
    assert done.stderr.startswith("pix2pix_maps: ") and done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr
    files = done.stdout.split()
    assert any(file.endswith(".index") for file in files) and "new" not in files


@pytest.mark.slow
def test_a_folder_that_is_made_read_only_is_refused(small_disk, data, finished, tmp_path):
    done = small_disk(
        "60M", f"cp -r {finished('map_to_aerial')} $DISK/run", "mount -o remount,ro $DISK",
        shell("pix2pix", data, 9), "echo ended with $?", folder=tmp_path,
    )  # fmt: skip
    if "mount: " in done.stderr or "unshare: " in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    assert "ended with 2" in done.stdout, done.stderr
    assert done.stderr.startswith("pix2pix_maps: ") and "cannot be written" in done.stderr
    assert done.stderr.count("\n") == 1
