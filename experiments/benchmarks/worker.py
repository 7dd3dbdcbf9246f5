"""One variant in a process of its own; says how long its work takes when it is asked.

Lines of JSON, to standard output: ``{"operations": ...}`` when it is built and traced, then for
each line read, a number of seconds, how long one of its works took on average over about so
many seconds; ``profile`` is answered with where the time goes, ``peak`` with that of memory.
"""

import collections
import glob
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from experiments.benchmarks.variants import Variant

PROFILED = 3  # works


def main() -> None:
    """Speak with the parent until it closes the pipe."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints

    def say(value):
        print(json.dumps(value), file=answers, flush=True)

    what = json.loads(sys.argv[1])
    if "product" in what:
        say(product_rate(what["product"]))
        return
    from experiments.benchmarks.work import make

    run, count_operations = make(Variant(**what))
    run(2)  # traces, and brings memory to its size
    say({"operations": count_operations() if count_operations else None})
    one = _seconds(run, 2)
    for line in sys.stdin:
        if line.strip() == "profile":
            say(profile(run))
        elif line.strip() == "peak":
            say(peak_bytes())
        else:
            one = _seconds(run, max(2, round(float(line) / one)))
            say(one)


def _seconds(run, count: int) -> float:
    began = time.perf_counter()
    run(count)
    return (time.perf_counter() - began) / count


def peak_bytes() -> int | None:
    """Of this process so far, where the system tells (Linux); getrusage would give the
    parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = status.read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def product_rate(precision: str, side: int = 4096, times: int = 10) -> float:
    """Floating-point operations a second of a matrix product on all threads, best of ten."""
    from experiments.launch.cli import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    a, b = (tf.cast(tf.random.stateless_normal([side, side], [0, i]), precision) for i in (1, 2))
    product = tf.function(lambda: tf.reduce_sum(tf.cast(a @ b, tf.float32)))
    float(product())
    best = min(_seconds(lambda count: float(product()), 1) for _ in range(times))
    return 2 * side**3 / best


def profile(run) -> dict[str, float]:
    """{kind of operation: seconds of one work}, the longest first; threads overlap, so that the
    sum may be more than the time that passes."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            run(PROFILED)
        (path,) = glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)
        space = xplane_pb2.XSpace.FromString(Path(path).read_bytes())
    seconds = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                # "name of the node:Kind"
                node, colon, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if colon and kind.isidentifier() and not node.endswith(":"):
                    seconds[kind] += event.duration_ps / 1e12 / PROFILED
    return dict(seconds.most_common())


if __name__ == "__main__":
    main()
