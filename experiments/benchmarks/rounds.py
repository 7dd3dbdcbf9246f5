"""Variants measured in turn, each in a process of its own."""

import collections
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.benchmarks.variants import OWN, Group, Variant
from experiments.launch.cli import keeps_compiled_programs
from experiments.launch.errors import UsageError
from tf_gen.progress import progress

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass
class Measured:
    """Of a variant: seconds of one work in each round, and what its process told."""

    variant: Variant
    seconds: list[float]  # none where it could not be measured
    not_measured: str | None = None  # why
    first_step_seconds: float | None = None  # from the start of its process to the step's end
    operations: int | None = None  # of one step, counted
    weights: int | None = None  # that a step trains
    peak_bytes: int | None = None
    profile: dict[str, float] | None = None
    busy_share: float | None = None  # of the GPU, in the profile


# all of a group hold the GPU at once, so that none may take all of its memory; none reads what
# another, or an earlier run, compiled
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true", "TF_XLA_FLAGS": ""}


class Worker:
    """A process that does one thing, and waits while others are measured."""

    def __init__(self, what: dict):
        # as it comes: the settings of our scripts are made by those variants that have them
        ours = ["TF_ENABLE_ONEDNN_OPTS", *["TF_XLA_FLAGS"] * keeps_compiled_programs()]
        given = {k: v for k, v in os.environ.items() if k not in ours}
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 -- not a pipe, which fills up
        self._process = subprocess.Popen(
            [sys.executable, "-m", "experiments.benchmarks.worker", json.dumps(what)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
            cwd=ROOT, env={**QUIET, **given},
        )  # fmt: skip

    def __enter__(self):
        return self

    def ask(self, line: str):
        """Its answer to a line. Raises: UsageError if it could not, and has ended."""
        with contextlib.suppress(BrokenPipeError):  # its last words may be there all the same
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        if answer := self._process.stdout.readline():
            answer = json.loads(answer)
            if isinstance(answer, dict) and "error" in answer:
                raise UsageError(answer["error"])
            return answer
        code = self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip().splitlines()
        raise UsageError(
            f"its process ended with {code}: "
            f"{said[-1] if said else 'killed, perhaps for want of memory'}"
        )

    def __exit__(self, *_):
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout, self._said):
            with contextlib.suppress(BrokenPipeError):  # of a line that it did not read
                file.close()


def rates(precisions) -> dict[str, float]:
    """What the machine can do: ``worker.rates``."""
    with Worker({"rates": precisions}) as worker:
        try:
            return worker.ask("")
        except UsageError as error:
            raise UsageError(f"the rates of a matrix product and of memory: {error}") from error


def measure(group: Group, rounds: int, seconds: float, at_once=1, profiled=True) -> list[Measured]:
    """All variants of a group, in turn, forwards in one round and backwards in the next.

    Args: at_once: how many are built at the same time; profiled: whether to ask ours where the
        time goes.
    """
    found = [Measured(variant, []) for variant in group.variants]
    with contextlib.ExitStack() as stack:
        line = stack.enter_context(progress(len(found) * (rounds + 1), group.title, "turns"))
        pairs = _built(found, at_once, stack, line)
        for turn in range(rounds):
            for worker, measured in pairs[:: 1 if turn % 2 else -1]:
                if took := _ask(worker, measured, str(seconds)):
                    measured.seconds.append(took)
                line.update()
        for worker, measured in pairs:
            measured.peak_bytes = _ask(worker, measured, "peak")  # before the profiler's own
            if profiled and measured.variant.maker == OWN and not measured.not_measured:
                _profile(worker, measured)
    if all(measured.not_measured for measured in found):
        raise UsageError(f"{group.title}: nothing could be measured: {found[0].not_measured}")
    return found


def _built(found: list[Measured], at_once: int, stack, line) -> list[tuple[Worker, Measured]]:
    """Start a process for each, those that compile first, since they take longest."""
    waiting = collections.deque(sorted(found, key=lambda measured: not measured.variant.compiled))
    building, pairs = collections.deque(), []
    while waiting or building:
        while waiting and len(building) < at_once:
            measured = waiting.popleft()
            what = {"began": time.time(), **dataclasses.asdict(measured.variant)}
            building.append((stack.enter_context(Worker(what)), measured))
        worker, measured = building.popleft()
        for name, value in (_ask(worker, measured, "built") or {}).items():
            setattr(measured, name, value)
        pairs.append((worker, measured))
        line.update()
    return sorted(pairs, key=lambda pair: found.index(pair[1]))


def _ask(worker: Worker, measured: Measured, line: str):
    """The answer; None, and why noted, where a process fails: the others go on."""
    if measured.not_measured is None:
        try:
            return worker.ask(line)
        except UsageError as error:
            measured.seconds, measured.not_measured = [], str(error)
    return None


def _profile(worker: Worker, measured: Measured) -> None:
    try:
        measured.profile, measured.busy_share = worker.ask("profile")
    except UsageError as error:  # the figures stand without
        print(f"{measured.variant.label}: no profile: {error}")
