"""Processes are built some at a time, and timed in turn; here they only say that they are."""

import pytest

from experiments.benchmarks import rounds
from experiments.benchmarks.variants import OWN, PLAIN, Group, Variant
from experiments.launch.cli import KEPT_AS
from experiments.launch.errors import UsageError


@pytest.fixture
def events(monkeypatch):
    """What is asked of processes, in order; one of batch 13 fails when it is built, one of batch
    14 when it is timed."""
    asked = []

    class Worker:
        def __init__(self, what):
            self.batch = what["batch"]
            asked.append(("start", self.batch))

        def __enter__(self):
            return self

        def ask(self, line):
            asked.append((line, self.batch))
            if (line, self.batch) in (("built", 13), ("1.0", 14)):
                raise UsageError("no memory")
            return {
                "built": {"first_step_seconds": 9.0, "operations": 10, "weights": 2},
                "1.0": 0.5, "peak": 7, "profile": [{"Conv2D": 1.0}, 0.9],
            }[line]  # fmt: skip

        def __exit__(self, *_):
            asked.append(("stop", self.batch))

    monkeypatch.setattr(rounds, "Worker", Worker)
    return asked


def variant(batch, maker=OWN, compiled=None):
    return Variant("training", "vae", maker, batch, 64, compiled=compiled)


def test_compiled_variants_are_built_first_and_so_many_at_once(events):
    group = Group("group", tuple(variant(batch, compiled=batch > 2) for batch in (1, 2, 3, 4)))
    found = rounds.measure(group, 1, 1.0, at_once=2)
    assert events[:8] == [
        ("start", 3), ("start", 4), ("built", 3), ("start", 1), ("built", 4), ("start", 2),
        ("built", 1), ("built", 2),
    ]  # fmt: skip
    assert [one.variant.batch for one in found] == [1, 2, 3, 4]
    assert all(one.first_step_seconds == 9.0 and one.seconds == [0.5] for one in found)


def test_rounds_go_forwards_and_backwards(events):
    rounds.measure(Group("group", (variant(1), variant(2))), 3, 1.0)
    assert [batch for line, batch in events if line == "1.0"] == [2, 1, 1, 2, 2, 1]


def test_one_that_fails_is_named_and_the_others_go_on(events):
    group = Group("group", tuple(variant(batch) for batch in (13, 14, 1)))
    built, timed, good = rounds.measure(group, 2, 1.0)
    assert built.not_measured == timed.not_measured == "no memory" and good.not_measured is None
    assert (built.seconds, timed.seconds, good.seconds) == ([], [], [0.5, 0.5])
    assert good.peak_bytes == 7 and good.profile == {"Conv2D": 1.0} and good.busy_share == 0.9
    assert sum(line == "1.0" for line, _ in events) == 3  # a failed one is left alone
    assert sum(line == "stop" for line, _ in events) == 3


def test_the_baselines_and_growth_are_not_profiled(events):
    rounds.measure(Group("group", (variant(1, PLAIN), variant(2))), 1, 1.0)
    rounds.measure(Group("group", (variant(3),)), 1, 1.0, profiled=False)
    assert [batch for line, batch in events if line == "profile"] == [2]


def test_nothing_but_failures_is_an_error(events):
    with pytest.raises(UsageError, match="group: nothing could be measured: no memory"):
        rounds.measure(Group("group", (variant(13),)), 1, 1.0)


def test_a_process_says_why_it_fails():
    what = {"began": 0.0, "task": "training", "model": "vae", "maker": "nobody's", "batch": "two"}
    with rounds.Worker(what) as worker:
        with pytest.raises(UsageError, match="TypeError: .*missing 1 required .*'size'"):
            worker.ask("built")
        with pytest.raises(UsageError, match="its process ended with 1: "):
            worker.ask("1.0")


@pytest.mark.parametrize("flags", [KEPT_AS, "--mine"])
def test_no_process_reads_what_was_compiled_before_but_by_the_users_own_flags(monkeypatch, flags):
    given = []
    monkeypatch.setenv("TF_XLA_FLAGS", flags)
    monkeypatch.setattr(rounds.subprocess, "Popen", lambda *_, env, **__: given.append(env))
    rounds.Worker({})._said.close()
    assert given[0]["TF_XLA_FLAGS"] == ("--mine" if flags == "--mine" else "")
