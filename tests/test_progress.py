"""What a terminal and a log see of progress."""

import io
import types

import pytest
from tqdm import tqdm

from tf_gen.progress import progress


class Clock:
    """Stands still until it is told."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("tqdm.std.time", clock)
    return clock


@pytest.fixture
def log(monkeypatch):
    """What stdout is given."""
    stream = io.StringIO()
    monkeypatch.setattr("tf_gen.progress.sys", types.SimpleNamespace(stdout=stream))
    return stream


@pytest.fixture
def terminal(log):
    log.isatty = lambda: True
    return log


def test_a_terminal_gets_one_line_that_ends_with_the_last_figure(terminal, clock):
    with progress(10, "faces") as bar:
        for _ in range(10):
            clock.now += 1.0
            bar.update()
    shown = terminal.getvalue()
    assert isinstance(bar, tqdm)
    assert shown.count("\n") == 1 and shown.endswith("\n")
    first, *_, last = shown.strip().split("\r")
    assert first.startswith("faces:   0%|") and "0/10" in first
    assert "10/10 [00:10<00:00" in last and "images/s" in last


def test_a_terminal_is_written_at_most_twice_a_second(terminal, clock):
    with progress(1000) as bar:
        for _ in range(100):
            clock.now += 0.125
            bar.update()
        assert terminal.getvalue().count("\r") == 1 + 25  # the first shows 0


def test_a_log_gets_whole_lines_a_minute_apart_and_one_at_the_end(log, clock):
    with progress(200, "faces") as bar:
        for _ in range(200):
            clock.now += 1.0
            bar.update()
    text = log.getvalue()
    lines = text.splitlines()
    assert [line.split("| ")[1].split()[0] for line in lines] == [
        "60/200", "120/200", "180/200", "200/200",
    ]  # fmt: skip
    assert all(line.startswith("faces: ") for line in lines)
    assert "\r" not in text and text.endswith("\n")


def test_a_log_does_not_get_the_last_line_twice(log, clock):
    with progress(60) as bar:
        clock.now += 60.0
        bar.update(60)
    assert log.getvalue().count("\n") == 1


@pytest.mark.parametrize("stream", ["log", "terminal"])
def test_an_error_begins_on_a_line_of_its_own_after_what_was_done(stream, request):
    stream = request.getfixturevalue(stream)
    with pytest.raises(KeyError), progress(10) as bar:
        bar.update(3)
        raise KeyError
    text = stream.getvalue()
    assert "3/10" in text and text.endswith("\n")


@pytest.mark.parametrize("stream", ["log", "terminal"])
def test_nothing_is_printed_where_there_is_nothing_to_do(stream, request):
    stream = request.getfixturevalue(stream)
    with progress(0, "faces") as bar:
        bar.set_postfix_str("loss 1")
        bar.update(0)
    assert stream.getvalue() == ""


def test_a_text_is_shown_with_the_next_figure(log, clock):
    with progress(100, "epoch 1", unit="steps") as bar:
        for step in range(100):
            clock.now += 1.0
            bar.set_postfix_str(f"loss {step}", refresh=False)
            bar.update()
    first, last = log.getvalue().splitlines()
    assert "60/100" in first and first.endswith("steps/s, loss 59]")
    assert last.endswith("loss 99]")


def test_bytes_are_counted_from_where_they_are_gone_on_with(log, clock):
    with progress(6_000_000, "set.tgz", "B", unit_scale=True, initial=3_000_000) as bar:
        clock.now += 2.0
        bar.update(2_000_000)
    assert "5.00M/6.00M [00:02<00:01, 1.00MB/s]" in log.getvalue()


def test_an_unknown_total_is_none(log):
    with progress(None, "set.tgz", "B") as bar:
        bar.update(5)
    assert log.getvalue().startswith("set.tgz: 5B [")
