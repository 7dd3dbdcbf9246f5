"""Where the time of a piece of work goes, from TensorFlow's profiler: by kernel on a GPU, by kind
of operation on a processor."""

import collections
import glob
import re
import tempfile
from pathlib import Path

WORKS = 3  # that are profiled, at least


def profile(run) -> tuple[dict[str, float], float | None]:
    """({kernel or kind: seconds of one work}, the longest first; the GPU's busy share or None).

    Threads and streams overlap, so that the sum may be more than the time that passes.
    """
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            works = run(WORKS)
        (path,) = glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)
        space = xplane_pb2.XSpace.FromString(Path(path).read_bytes())
    seconds, busy = by_kernel(space)
    seconds = seconds or by_kind(space)
    return {name: total / works for name, total in seconds.most_common()}, busy


def by_kind(space) -> collections.Counter:
    """Seconds by kind of operation, of the threads of an XSpace."""
    seconds = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                # "name of the node:Kind"
                node, colon, kind = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if colon and kind.isidentifier() and not node.endswith(":"):
                    seconds[kind] += event.duration_ps / 1e12
    return seconds


def by_kernel(space) -> tuple[collections.Counter, float | None]:
    """(Seconds by kernel, the busy share of the time from the first to the last) of an XSpace's
    GPUs; nothing and None where there is none."""
    seconds, spans = collections.Counter(), []
    for plane in space.planes:
        for line in plane.lines:
            # other lines (of steps, modules, overhead) tell the same time again
            if plane.name.startswith("/device:GPU:") and line.name.startswith("Stream #"):
                for event in line.events:
                    name = plane.event_metadata[event.metadata_id].name
                    seconds[short(name)] += event.duration_ps / 1e12
                    began = 1000 * line.timestamp_ns + event.offset_ps
                    spans.append((began, began + event.duration_ps))
    return seconds, _covered(spans)


def _covered(spans) -> float | None:
    """The share of the time from the first to the last that at least one of them covers."""
    if not spans:
        return None
    spans = sorted(spans)
    first = reached = spans[0][0]
    covered = 0
    for began, ended in spans:
        covered += max(0, ended - max(began, reached))
        reached = max(reached, ended)
    return covered / (reached - first) if reached > first else None


def short(kernel: str) -> str:
    """A kernel's name without types, tile sizes and numbers, by which its likes are summed up."""
    name = kernel.replace("(anonymous namespace)::", "").removeprefix("void ")
    name = re.split(r"[<(]", name)[0]
    name = re.sub(r"_(tilesize|\d+x\d+).*", "", name)
    return re.sub(r"([_.]+\d+)+$", "", name) or kernel
