"""What ``benchmark --what pipeline`` measures, variants in turn in one process."""

import contextlib
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from experiments.benchmarks import report
from experiments.benchmarks.worker import process_peak
from experiments.launch.errors import UsageError
from tf_gen import PatchDiscriminator, Pix2Pix, UNetGenerator
from tf_gen.data import draw_pairs, load_pairs, steps_per_epoch, training_batches
from tf_gen.data.cache import Cache
from tf_gen.data.sources import Folder, Unreadable

SIZE, RESIZED, BATCH = 256, 286, 2  # the report's, and the paper's jitter
PLAIN, OWN, FIRST, LATER = "plain", "tf_gen", "first epoch", "later epoch"
ONE_BATCH, EPOCH = "one batch again and again", "batches of an epoch"


def measure_pipeline(config, output: Path) -> dict:
    """Draw ``pipeline.png``, and return the figures."""
    with contextlib.ExitStack() as stack:
        folder = _folder(config, stack)
        count = len(_files(folder))
        print(f"{count} pairs, {config.rounds} rounds")
        rates = _rates(folder, count, config.rounds)
        seconds = _step_seconds(folder, config) if config.steps else {}
        peaks = _peaks(folder, (config.cache_gib, 0.0))
    bars = {
        epoch: {PLAIN: rates[f"{PLAIN}, {epoch}"], OWN: rates[f"{OWN}, {epoch}"]}
        for epoch in (FIRST, LATER)
    }
    if charts := report.charts():
        charts.grouped_bars(output / "pipeline.png", bars, "pairs a second")
    return {
        "data": config.data, "pairs": count,
        "pairs_per_second": rates, "train_step_seconds": seconds, "peak_bytes": peaks,
    }  # fmt: skip


def _folder(config, stack) -> Path:
    """A folder of at most so many pairs: links to the user's, or drawn ones."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    (folder / "train").mkdir()
    if config.data == "synthetic":
        print(f"drawing {config.pairs} pairs of 600 x 600")
        for i, sides in enumerate(zip(*draw_pairs(config.pairs, 0, 600), strict=True)):
            Image.fromarray(np.hstack(sides)).save(folder / "train" / f"{i}.jpg", quality=95)
        return folder
    source = Folder(config.data)
    names = [name for name in source.names if name.startswith("train/")][: config.pairs]
    if not names:
        raise UsageError(f"--data {config.data}: no pairs in train/ of it")
    for name in names:  # which are those of messages
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to((source.path / name).resolve())
    return folder


def _files(folder: Path) -> list[str]:
    return [str(path) for path in (folder / "train").rglob("*") if path.is_file()]


def plain_batches(folder: Path):
    """In the manner of the common tutorials: every epoch decodes, resizes and crops all files."""

    def load(path):
        both = tf.io.decode_image(tf.io.read_file(path), 3, expand_animations=False)
        sides = tf.stack(tf.split(tf.cast(both, tf.float32), 2, axis=1))  # [2, H, W, 3]
        sides = tf.image.resize(sides, [RESIZED, RESIZED], method="nearest")
        sides = tf.image.random_crop(sides, [2, SIZE, SIZE, 3])
        if tf.random.uniform([]) > 0.5:
            sides = tf.image.flip_left_right(sides)
        sides = sides / 127.5 - 1.0
        return sides[1], sides[0]

    files = _files(folder)
    files = tf.data.Dataset.from_tensor_slices(files).shuffle(len(files))
    return files.map(load, num_parallel_calls=tf.data.AUTOTUNE).shuffle(400).batch(BATCH)


def _read(folder: Path, gib=None):
    try:
        return load_pairs(folder, "train", RESIZED, cache=Cache(gib), in_full=False)
    except Unreadable as error:  # whose way out is no option of this command
        raise UsageError(
            f"--data: {error}".replace(", or pass skip_unreadable=True", "")
        ) from error


def _batches(pairs, epochs: int):
    inputs, targets = pairs.towards("map_to_aerial")
    return training_batches(
        inputs, targets, SIZE, BATCH, 0, 0, epochs * steps_per_epoch(len(pairs), BATCH)
    )


def _take(iterator, count: int) -> None:
    for _ in range(count):
        next(iterator)


def _rates(folder: Path, count: int, rounds: int) -> dict[str, list[float]]:
    """{variant: pairs per second in each round}; first epochs from nothing, as in a new run."""
    each = steps_per_epoch(count, BATCH)
    plain = plain_batches(folder)  # an iterator for each epoch: one for all would read ahead
    own = iter(_batches(_read(folder), rounds + 2))
    variants = {
        f"{PLAIN}, {FIRST}": lambda: _take(iter(plain_batches(folder)), each),
        f"{OWN}, {FIRST}": lambda: _take(iter(_batches(_read(folder), 1)), each),
        f"{PLAIN}, {LATER}": lambda: _take(iter(plain), each),
        f"{OWN}, {LATER}": lambda: _take(own, each),
    }
    found = {name: [] for name in variants}
    for turn in range(-1, rounds):
        for name in list(variants)[:: 1 if turn % 2 else -1]:
            began = time.perf_counter()
            variants[name]()
            if turn >= 0:  # at first the files come into the system's cache
                found[name].append(count / (time.perf_counter() - began))
    return found


def _step_seconds(folder: Path, config) -> dict[str, list[float]]:
    """{variant: seconds of a training step in each round}."""
    pairs = _read(folder)
    networks = UNetGenerator(filters=config.filters), PatchDiscriminator(filters=config.filters)
    keras.utils.set_random_seed(0)
    model = Pix2Pix(*networks)
    model.compile()
    model.build((None, SIZE, SIZE, 3))
    model.build_optimizers()
    steps = (config.rounds + 1) * config.steps
    batches = _batches(pairs, 1 + -(-steps * BATCH // len(pairs)))
    step = tf.function(
        model.train_step,
        input_signature=[batches.element_spec],
        jit_compile=model.jit_compile or None,
    )
    epoch = iter(batches)
    one = next(epoch)
    step(one)  # traces
    sources = {ONE_BATCH: itertools.repeat(one), EPOCH: epoch}
    found = {name: [] for name in sources}
    for turn in range(config.rounds):
        for name in list(sources)[:: 1 if turn % 2 else -1]:
            began = time.perf_counter()
            for batch in itertools.islice(sources[name], config.steps):
                logs = step(batch)
            float(next(iter(logs.values())))  # waits
            found[name].append((time.perf_counter() - began) / config.steps)
    return found


def _peaks(folder: Path, budgets) -> dict[str, int]:
    """{budget: peak in bytes}; only where the system tells (Linux)."""
    if not Path("/proc/self/status").exists():
        return {}
    return {f"{gib:g} GiB": _peak(folder, gib) for gib in budgets}


def _peak(folder: Path, gib: float) -> int:
    """Of a process of its own that reads all and makes two epochs' batches."""
    code = f"from {__name__} import report_peak; report_peak({str(folder)!r}, {gib})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return int(done.stdout)


def report_peak(folder: str, gib: float) -> None:
    """Print the peak of this process."""
    for _ in _batches(_read(Path(folder), gib), 2):
        pass
    print(process_peak())
