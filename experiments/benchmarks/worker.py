"""One variant in a process of its own; says how long its work takes when it is asked.

It is built at once, and answers lines with lines of JSON, to standard output: ``built`` with the
seconds from the start of the process to the end of the first work (on a GPU our loop does ten until
it reads its first logs), and what bounds a work; a number
of seconds with how long a work took on average over about so many; ``profile`` with where the time
goes, ``peak`` with that of memory. ``{"error": ...}``, and it ends, if it cannot.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

from experiments.benchmarks.variants import TORCH, Variant


def main() -> None:
    """Speak with the parent until it closes the pipe."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints

    def say(value):
        print(json.dumps(value), file=answers, flush=True)

    what = json.loads(sys.argv[1])
    try:
        if "rates" in what:
            say(rates(what["rates"]))
        else:
            _serve(what.pop("began"), Variant(**what), say)
    except Exception as error:  # memory, a compiler: of one variant, and others go on
        traceback.print_exc()
        say({"error": _in_a_line(error)})
        sys.exit(1)


def _serve(began: float, variant: Variant, say) -> None:
    from experiments.benchmarks.profiles import profile
    from experiments.benchmarks.work import make

    run, facts = make(variant)
    run(1)
    built = {"first_step_seconds": time.time() - began, **facts()}
    one = _seconds(run, 2)  # brings memory to its size
    forget_peak(variant.maker)
    for line in map(str.strip, sys.stdin):
        if line == "built":
            say(built)
        elif line == "profile":
            say(profile(run))
        elif line == "peak":
            say(peak_bytes(variant.maker))
        else:
            one = _turn(run, float(line), one)
            say(one)


def _turn(run, seconds: float, one: float) -> float:
    """Seconds of a work in a turn of about so many: begun again if a work proves much shorter than
    thought, since what a call of ``run`` takes beside the works (``fit``) would count for too much.
    """
    while True:
        count = max(2, round(seconds / one))
        one = _seconds(run, count)
        if count == 2 or count * one > seconds / 2:
            return one


def _seconds(run, count: int) -> float:
    began = time.perf_counter()
    done = run(count)
    return (time.perf_counter() - began) / done


def _in_a_line(error: Exception, most: int = 400) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


# Memory --------------------------------------------------------------------------------------


def peak_bytes(maker: str) -> int | None:
    """Of the GPU's memory where this process works on one, else of its own."""
    if maker == TORCH:
        import torch

        return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else process_peak()
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return process_peak()
    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


def forget_peak(maker: str) -> None:
    """Of a GPU: building a step tries algorithms, in memory that no later step takes."""
    if maker == TORCH:
        import torch

        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        return
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.reset_memory_stats("GPU:0")


def process_peak() -> int | None:
    """Of this process so far, where the system tells (Linux); getrusage would give the
    parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = status.read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


# What the machine can do ---------------------------------------------------------------------


def rates(precisions) -> dict[str, float]:
    """{precision: floating-point operations a second of a matrix product (of float32 in TF32 where
    a GPU has it), "memory": bytes a second that are read or written}, each the best of many."""
    from experiments.launch.cli import hold_memory, load_tensorflow

    hold_memory()
    load_tensorflow()
    import tensorflow as tf

    gpu = bool(tf.config.list_physical_devices("GPU"))
    # on a GPU many before the host waits once
    side, chained, size = (8192, 20, 2**30) if gpu else (4096, 1, 2**28)
    found = {precision: product_rate(precision, side, chained) for precision in precisions}
    return {**found, "memory": memory_rate(size, 20 if gpu else 4)}


def product_rate(precision: str, side: int, chained: int) -> float:
    """Operations a second of products on the GPU or on all threads."""
    import tensorflow as tf

    a, b = (tf.random.stateless_normal([side, side], [0, i]) for i in (1, 2))
    a, b = tf.cast(a, precision), tf.cast(b * side**-0.5, precision)

    @tf.function
    def products(x):
        for _ in range(chained):
            x = x @ b
        return tf.reduce_sum(tf.cast(x, tf.float32))

    return 2 * side**3 * chained / _best(lambda: float(products(a)))


def memory_rate(size: int, chained: int) -> float:
    """Bytes a second, read and written, of passes over so many bytes.

    Each adds to a variable in place: of a chain of products TensorFlow makes a single pass.
    """
    import tensorflow as tf

    total, ones = tf.Variable(tf.zeros([size // 4])), tf.ones([size // 4])

    @tf.function
    def passes(ones):
        for _ in range(chained):
            total.assign_add(ones)
        return total[0]

    return 3 * size * chained / _best(lambda: float(passes(ones)))


def _best(work, seconds: float = 2.0) -> float:
    work()  # traces
    ends, found = time.perf_counter() + seconds, []
    while len(found) < 3 or time.perf_counter() < ends:
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


if __name__ == "__main__":
    main()
