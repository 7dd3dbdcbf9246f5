"""Variants measured in turn, each in a process of its own."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from experiments.benchmarks.variants import OWN, Group, Variant
from experiments.launch.errors import UsageError
from tf_gen.progress import progress

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass
class Measured:
    """Of a variant: seconds of one work in each round, and what its process told."""

    variant: Variant
    seconds: list[float]
    operations: int | None = None  # of one step, counted
    peak_bytes: int | None = None
    profile: dict[str, float] | None = None


# all of a group hold the GPU at once, so that none may take all of its memory
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


class Worker:
    """A process that does one thing, and waits while others are measured."""

    def __init__(self, what: dict):
        self.what = what
        # as it comes: the settings of our scripts are made by those variants that have them
        given = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 -- not a pipe, which fills up
        self._process = subprocess.Popen(
            [sys.executable, "-m", "experiments.benchmarks.worker", json.dumps(what)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
            cwd=ROOT, env={**QUIET, **given},
        )  # fmt: skip

    def ask(self, line: str):
        """Its answer to a line."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self):
        """The next answer. Raises: UsageError if the process has ended, as when memory is short."""
        if line := self._process.stdout.readline():
            return json.loads(line)
        code = self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip().splitlines()
        raise UsageError(
            f"the process that measures {self.what} ended with {code}: "
            f"{said[-1] if said else 'killed, perhaps for want of memory'}"
        )

    def stop(self):
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._said):
            file.close()


def ask_once(**what):
    """The only answer to a question that needs no rounds."""
    worker = Worker(what)
    try:
        return worker.answer()
    finally:
        worker.stop()


def measure(group: Group, rounds: int, seconds: float) -> list[Measured]:
    """All variants of a group, in turn, forwards in one round and backwards in the next."""
    workers, found = [], []
    try:
        with progress(len(group.variants) * (rounds + 1), group.title, "turns") as line:
            for variant in group.variants:
                worker = Worker(dataclasses.asdict(variant))
                workers.append(worker)  # one after the other: building is no part of any turn
                found.append(Measured(variant, [], **worker.answer()))
                line.update()
            pairs = list(zip(workers, found, strict=True))
            for turn in range(rounds):
                for worker, measured in pairs[:: 1 if turn % 2 else -1]:
                    measured.seconds.append(worker.ask(str(seconds)))
                    line.update()
        for worker, measured in pairs:
            measured.peak_bytes = worker.ask("peak")  # before the profiler, which takes some
            if measured.variant.maker == OWN and measured.variant.task == "training":
                measured.profile = worker.ask("profile")
    finally:
        for worker in workers:
            worker.stop()
    return found
