"""What a worker does by itself."""

import time

from experiments.benchmarks import worker


def test_a_turn_is_begun_again_where_a_work_is_much_shorter_than_thought():
    counts = []

    def run(count):  # a call takes a while beside its works, as that of ``fit``
        counts.append(count)
        time.sleep(0.02 + 0.001 * count)
        return count

    took = worker._turn(run, 0.2, one=0.02)
    assert counts[0] == 10 and counts[-1] > 50
    assert took < 0.0017


def test_a_turn_takes_two_works_at_least_however_long():
    counts = []

    def run(count):
        counts.append(count)
        return count

    worker._turn(run, 0.001, one=1.0)
    assert counts == [2]


def test_works_done_beyond_those_asked_for_are_counted():
    took = worker._seconds(lambda count: time.sleep(0.05) or 10, 1)
    assert 0.005 <= took < 0.05


def test_an_error_is_one_line_that_keeps_its_beginning_and_its_end():
    assert worker._in_a_line(ValueError("a\n  b")) == "ValueError: a b"
    line = worker._in_a_line(ValueError("begun" + "\n-" * 1000 + "ended"))
    assert len(line) < 420 and line.startswith("ValueError: begun") and line.endswith("ended")


def test_memory_is_passed_over_as_often_as_is_counted():
    # twenty passes folded into one would seem twenty times as fast
    assert worker.memory_rate(2**25, 20) < 5 * worker.memory_rate(2**25, 1)
