"""Translating images that have no target with a trained pix2pix: names, sizes, files."""

import os
import sys
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import tensorflow as tf

from experiments.launch.cli import DONE, PARTLY
from experiments.launch.errors import UsageError
from experiments.launch.output import make_writable, write_png
from experiments.launch.saved_models import load_saved_model
from tf_gen.data.images import to_levels, to_unit_range
from tf_gen.data.reading import decode, resize
from tf_gen.data.sources import KINDS, Folder, Unreadable, read_bytes
from tf_gen.progress import progress


def translate_images(config) -> int:
    """Translate image after image; returns the exit code, PARTLY if some could not be."""
    root, names = find_images(config.input, config.output)
    targets = output_files(config.output, root, names)
    translate = load_translator(config)
    make_writable(config.output)
    bad = []
    with progress(len(names), "translate") as line:
        for index, (name, target) in enumerate(zip(names, targets, strict=True)):
            try:
                image = decode(read_bytes(root / name, name), name)
                write_png(target, translate(image, index))
            except Unreadable as error:
                bad.append(str(error))
            except (MemoryError, tf.errors.ResourceExhaustedError):
                bad.append(f"{name}: too large for the memory")
            line.update()
    print(f"{config.output}: {len(names) - len(bad)} of {len(names)} images translated")
    for reason in bad:
        print(f"translate: left out: {reason}", file=sys.stderr)
    return PARTLY if bad else DONE


def find_images(source: Path, output: Path) -> tuple[Path, list[str]]:
    """(A folder, the images' paths below it, in a fixed order.) What lies in output is not seen:
    it may be a folder within the source, and the command be given again."""
    root = source.parent if source.is_file() else source
    if not root.is_dir():
        raise UsageError(f"--input {source}: no such file or folder")
    if root.resolve() == output.resolve():
        raise UsageError(f"--output {output}: the input's own folder; give another")
    if source.is_file():
        return root, [source.name]
    names = Folder(root, leave_out=output).names
    if not names:
        raise UsageError(f"--input {source}: no images ({KINDS}) in it")
    return root, names


def output_files(output: Path, root: Path, names: list[str]) -> list[Path]:
    """The file to write for each name. Raises: UsageError if one of them is an input."""
    targets = [output / name for name in png_names(names)]
    # not resolve(): that raises for a link to itself, which is named when it is read
    inputs = {os.path.realpath(root / name) for name in names}
    if lost := inputs & {os.path.realpath(target) for target in targets}:
        raise UsageError(
            f"--output {output}: {min(lost)} would be overwritten; give another folder"
        )
    return targets


def png_names(names: list[str]) -> list[str]:
    """a.jpg -> a.png; where two would get one name, in capitals or not, both keep their whole own:
    a.jpg.png."""
    whole = set()
    while True:
        wanted = [
            f"{name}.png" if name in whole else PurePosixPath(name).with_suffix(".png").as_posix()
            for name in names
        ]
        count = Counter(name.casefold() for name in wanted)
        clashing = {n for n, w in zip(names, wanted, strict=True) if count[w.casefold()] > 1}
        if clashing <= whole:
            return wanted
        whole |= clashing


def load_translator(config):
    """A function (image uint8 [H, W, 3], its index) -> uint8 [H, W, 3]."""
    function = "translate" if config.noise_seed is None else "translate_noisy"
    model = load_saved_model("model", config.model, "pix2pix", ["sizes", function])
    size, multiple = (int(side) for side in model.sizes())

    def apply(image, index):
        images = to_unit_range(image[None])  # [1, H, W, 3] in [0, 1]
        if config.noise_seed is None:
            return model.translate(images)[0].numpy()
        return model.translate_noisy(images, tf.constant([config.noise_seed, index]))[0].numpy()

    def translate(image, index):
        height, width = image.shape[:2]
        resizes = config.sizing == "resize"
        output = apply(resize(image, size, size) if resizes else pad(image, multiple), index)
        if not np.isfinite(output).all():
            raise UsageError(f"--model {config.model}: makes values that are not finite")
        output = to_levels(output)
        return resize(output, height, width) if resizes else output[:height, :width]

    blank = np.zeros((multiple, multiple, 3), np.uint8)
    try:
        takes_rgb = apply(blank, 0).shape == blank.shape
    except (TypeError, ValueError):  # no function of the model has this signature
        takes_rgb = False
    if not takes_rgb:
        raise UsageError(f"--model {config.model}: not a model from RGB to RGB images")
    return translate


def pad(image: np.ndarray, multiple: int) -> np.ndarray:
    """Reflect at right and bottom, again and again if need be, to multiples of multiple."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, -height % multiple), (0, -width % multiple), (0, 0)), "reflect")
