"""Training shared by devices and processes: as one device does it, and stopped when one dies."""

import contextlib
import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tyro

from experiments import vae_anime
from experiments.launch import cli
from tf_gen.training.history import read_csv

ROOT = Path(__file__).parents[3]
TIMEOUT = 300  # seconds, for a slow machine
COMMANDS = {
    "pix2pix": ["pix2pix_maps", "--filters", "2", "--image-size", "32", "--normalization", "none"],
    "vae": ["vae_anime", "--image-size", "16", "--latent-dim", "4", "--normalization", "none"],
    "vq_vae": ["vq_vae_faces", "--image-size", "16", "--codes", "16", "--normalization", "none",
               "--codebook", "ema", "--codebook-start", "kmeans"],
}  # fmt: skip


def command(model, maps, faces, *options):
    name, *own = COMMANDS[model]
    data = maps if model == "pix2pix" else faces / "anime"
    return [sys.executable, "-m", f"experiments.{name}", *own, "--data", str(data),
            *map(str, options)]  # fmt: skip


def logs(folder):
    return [
        {k: v for k, v in row.items() if k != "step_seconds"}
        for row in read_csv(folder / "logs" / "steps.csv")
    ]


def assert_equal_to_rounding(found, expected):
    """Within 1e-5 after the first step and 1e-2 after the last; Adam makes much of little."""
    assert [row["step"] for row in found] == [row["step"] for row in expected] != []
    bounds = np.geomspace(1e-5, 1e-2, len(found))
    for row, other, bound in zip(found, expected, bounds, strict=True):
        for name, value in other.items():
            assert row[name] == pytest.approx(value, rel=bound, abs=bound), (row["step"], name)


def trained_here(*line):
    """Run a command in this process."""
    _, _, module, *options = line
    door = importlib.import_module(module)
    assert door.run(tyro.cli(door.Config, args=[*map(str, options)])) == 0


def trained_there(*line):
    subprocess.run(line, cwd=ROOT, check=True, capture_output=True, timeout=TIMEOUT)


@pytest.mark.slow  # of the models alone: tests/models/test_conformance.py
@pytest.mark.parametrize("train", [trained_here, trained_there])
@pytest.mark.parametrize("model", COMMANDS)
def test_two_replicas_learn_as_one_device_does(
    model, train, maps, faces, training_alone, two_replicas, tmp_path, monkeypatch
):
    measured = train is trained_there or model == "vq_vae"
    strategies = {"none": None, "mirrored": two_replicas}  # a process can set devices up but once
    monkeypatch.setattr("experiments.runs.train_run.make_strategy", strategies.get)
    shared = ["--batch-size", 4, "--max-steps", 20, "--epochs", 20]
    for strategy in strategies:
        options = ["--run-dir", tmp_path / strategy, "--strategy", strategy]
        with contextlib.nullcontext() if measured else training_alone():
            train(*command(model, maps, faces, *shared, *options))
    assert_equal_to_rounding(logs(tmp_path / "mirrored"), logs(tmp_path / "none"))
    if measured:
        found, expected = (
            json.loads((tmp_path / name / "metrics.json").read_text()) for name in strategies
        )
        assert found.keys() == expected.keys()


# Two processes ---------------------------------------------------------------------------


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Workers:
    """The same command in two processes that work together."""

    def __init__(self, line, folder):
        self.folder = folder
        workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
        self.files = [folder.with_name(f"worker-{i}.out") for i in range(2)]
        self.processes = []
        for i, file in enumerate(self.files):
            task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": i}}
            with file.open("w") as out:
                self.processes.append(
                    subprocess.Popen(
                        [*line, "--run-dir", str(folder), "--strategy", "multi_worker"],
                        cwd=ROOT, env=os.environ | {"TF_CONFIG": json.dumps(task)},
                        stdout=out, stderr=subprocess.STDOUT,
                    )
                )  # fmt: skip

    def wait(self):
        """Both exit codes."""
        return [process.wait(TIMEOUT) for process in self.processes]

    def said(self):
        return "\n".join(file.read_text() for file in self.files)

    def wait_for_steps(self, count):
        deadline = time.monotonic() + TIMEOUT
        while len(logs(self.folder)) < count:
            assert time.monotonic() < deadline, self.said()
            assert all(process.poll() is None for process in self.processes), self.said()
            time.sleep(0.1)

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def start():
    """(line, folder) -> Workers, whose processes end with the test."""
    started = []

    def start(line, folder):
        started.append(Workers(line, folder))
        return started[-1]

    yield start
    for workers in started:
        workers.stop()


@pytest.mark.slow
def test_two_workers_learn_as_one_device_does(maps, faces, training_alone, tmp_path, start):
    line = command("vq_vae", maps, faces, "--batch-size", 4, "--max-steps", 6)
    workers = start(line, tmp_path / "run")
    assert workers.wait() == [0, 0], workers.said()
    assert (tmp_path / "run" / "saved_model" / "saved_model.pb").exists()
    with training_alone():
        trained_here(*line, "--run-dir", tmp_path / "one")
    assert_equal_to_rounding(logs(tmp_path / "run"), logs(tmp_path / "one"))


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
@pytest.mark.parametrize("model", ["vq_vae", "pix2pix"])
def test_two_workers_learn_as_one_device_does_though_one_dies_and_they_are_started_again(
    model, killed, maps, faces, training_alone, tmp_path, start
):
    line = command(model, maps, faces, "--batch-size", 4, "--checkpoint-steps", 2)
    folder = tmp_path / "run"
    workers = start([*line, "--epochs", "100000"], folder)
    workers.wait_for_steps(5)
    workers.processes[killed].send_signal(signal.SIGKILL)
    began = time.monotonic()
    left = workers.processes[1 - killed].wait(TIMEOUT)
    seconds = time.monotonic() - began
    print(f"{model}: ended with {left} after {seconds:.1f} s")
    assert seconds < 120
    assert left == 5, workers.said()
    assert "a worker was lost" in workers.files[1 - killed].read_text()

    reached = len(logs(folder))
    again = start([*line, "--epochs", "100000", "--max-steps", str(reached + 4)], folder)
    assert again.wait() == [0, 0], again.said()
    assert "goes on from step" in again.said()
    assert [row["step"] for row in logs(folder)] == list(range(1, reached + 5))
    assert (folder / "saved_model" / "saved_model.pb").exists()

    with training_alone():
        trained_here(*line, "--max-steps", 6, "--run-dir", tmp_path / "one")
    assert_equal_to_rounding(logs(folder)[:6], logs(tmp_path / "one"))


def test_without_a_cluster_or_a_common_folder_it_says_what_to_give(faces, capsys, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    config = vae_anime.Config(data=str(faces / "anime"), strategy="multi_worker")
    assert cli.guarded("vae_anime", vae_anime.run, config) == 2
    said = "vae_anime: --strategy multi_worker: the environment variable"
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.slow
def test_a_batch_that_replicas_cannot_share_is_refused(maps, faces, tmp_path):
    line = command("vae", maps, faces, "--strategy", "mirrored", "--batch-size", 3)
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "--batch-size 3: is shared by 2 replicas" in done.stderr


@pytest.mark.slow
def test_the_documents_lines_for_two_machines_run_on_one(maps, tmp_path):
    """Word for word but for addresses, folders and size."""
    lines = re.findall(r"^TF_CONFIG=.*$", (ROOT / "docs" / "reliability.md").read_text(), re.M)
    assert len(lines) == 2
    first, second = free_ports(2)
    here = {
        "10.0.0.1:2222": f"127.0.0.1:{first}", "10.0.0.2:2222": f"127.0.0.1:{second}",
        "python -m": f"{sys.executable} -m", "--data maps": f"--data {maps}",
        "/shared/runs/maps": str(tmp_path / "run"),
    }  # fmt: skip
    small = " --filters 2 --image-size 32 --max-steps 2"
    processes = []
    for line in lines:
        for there, local in here.items():
            line = line.replace(there, local)
        processes.append(subprocess.Popen(line + small, shell=True, cwd=ROOT))
    assert [process.wait(TIMEOUT) for process in processes] == [0, 0]
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["steps"] == 2
