"""Translating images that have no target with a trained pix2pix: names, sizes, files."""

import os
import sys
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import tensorflow as tf

from experiments.launch.cli import DONE, PARTLY
from experiments.launch.errors import UsageError
from experiments.launch.output import check_ours, make_writable, write_png
from experiments.launch.saved_models import load_saved_model
from tf_gen.data.images import to_levels, to_unit_range
from tf_gen.data.reading import MODES, decode, decode_labels, resize, resize_labels
from tf_gen.data.sources import KINDS, Folder, Unreadable, read_bytes
from tf_gen.data.tiles import in_tiles
from tf_gen.progress import progress

BATCH = 8  # of the model's own size
TOO_LARGE, FOR_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError), "too large for the memory"


def translate_images(config) -> int:
    """Translate all images, as many at once as may be; returns the exit code, PARTLY if some could
    not be."""
    check_together(config)
    root, names = find_images(config.input, config.output)
    targets = output_files(config.output, root, names)
    translator = Translator(config)
    make_writable(config.output)
    bad, waiting = [], []

    def translate(items):
        """Of (name, file, image, index); what is too much for the memory at once, one by one."""
        try:
            outputs = translator([image for _, _, image, _ in items], items[0][-1])
        except (*TOO_LARGE, tf.errors.InvalidArgumentError) as error:
            if len(items) > 1:
                return [translate([item]) for item in items]
            # else a generator that mirrors edges, which takes no few pixels
            large = isinstance(error, TOO_LARGE)
            why = FOR_MEMORY if large else "too small for the model; give --sizing resize"
            bad.append(f"{items[0][0]}: {why}")
            return
        for (_, target, _, _), output in zip(items, outputs, strict=True):
            write_png(target, output)

    with progress(len(names), "translate") as line:
        for index, (name, target) in enumerate(zip(names, targets, strict=True)):
            try:
                image = translator.decode(read_bytes(root / name, name), name)
                waiting.append((name, target, image, index))
            except Unreadable as error:
                bad.append(str(error))
            except MemoryError:
                bad.append(f"{name}: {FOR_MEMORY}")
            if waiting and (len(waiting) == translator.at_once or index == len(names) - 1):
                translate(waiting)
                waiting = []
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
    """The file to write for each name. Raises: UsageError if one of them is an input, or
    another file of the user's."""
    targets = [output / name for name in png_names(names)]
    # not resolve(): that raises for a link to itself, which is named when it is read
    inputs = {os.path.realpath(root / name) for name in names}
    if lost := inputs & {os.path.realpath(target) for target in targets}:
        raise UsageError(
            f"--output {output}: {min(lost)} would be overwritten; give another folder"
        )
    check_ours(targets)
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


def check_together(config) -> None:
    """Raise UsageError for options that do not go together."""
    if config.overlap is not None and config.sizing != "tile":
        raise UsageError("--overlap: is of tiles; give --sizing tile, or leave it out")
    if config.noise_seed is not None and config.sizing == "tile":
        raise UsageError("--noise-seed: tiles would not agree; leave it or --sizing tile out")
    if config.batch_size and (config.sizing == "pad" or config.noise_seed is not None):
        raise UsageError(
            "--batch-size: with --sizing pad, or --noise-seed, images go one by one; leave it out"
        )


class Translator:
    """Images uint8 [H, W, C] of any sizes -> the model's, of the same sizes.

    Attributes: channels: of the images that it takes; at_once: how many it takes best.
    Raises: UsageError for a model that is none, or options that it does not suit.
    """

    def __init__(self, config):
        self._config, noisy = config, config.noise_seed is not None
        functions = ["sizes", "translate_noisy" if noisy else "translate"]
        self._model = load_saved_model("model", config.model, "pix2pix", functions)
        size, self._multiple = (int(side) for side in self._model.sizes())
        shape = getattr(self._model, "input_shape", lambda: (size, size, 3))  # of earlier ones
        *self._size, self.channels = (int(side) for side in shape())
        self._classes = int(getattr(self._model, "classes", lambda: 0)())  # of label images
        least = min(self._size)
        self._overlap = least // 4 if config.overlap is None else config.overlap
        if self._overlap >= least:
            raise UsageError(
                f"--overlap {self._overlap}: as large as a tile; this model's are "
                f"{self._size[0]} x {self._size[1]} pixels, give less"
            )
        many = config.batch_size or BATCH
        self._tiles = many if config.sizing == "tile" else 1
        # noise is of one image's seed; images that are padded differ in size
        self.at_once = many if config.sizing == "resize" and not noisy else 1
        self._try()

    def decode(self, data, name):
        """The pixels of an encoded image. Raises: Unreadable for what the model cannot take."""
        if self._classes:
            return decode_labels(data, name, self._classes)
        return decode(data, name, channels=self.channels)

    def __call__(self, images, first):
        """Of a list of images, the first of which has this place among all."""
        if self._config.sizing == "tile":
            outputs = [self._in_tiles(image) for image in images]
        elif self._config.sizing == "pad":
            outputs = [self._padded(image, first) for image in images]
        else:
            fit = resize_labels if self._classes else resize
            batch = np.stack([fit(image, *self._size) for image in images])
            outputs = self._levels(self._apply(to_unit_range(batch), first))
            outputs = [resize(o, *i.shape[:2]) for o, i in zip(outputs, images, strict=True)]
        return outputs

    def _in_tiles(self, image):
        def translate(tiles):
            return self._apply(to_unit_range(tiles), 0)

        made = in_tiles(translate, image, self._size, self._overlap, self._tiles)
        return self._levels(made)

    def _padded(self, image, index):
        height, width = image.shape[:2]
        padded = to_unit_range(pad(image, self._multiple)[None])
        return self._levels(self._apply(padded, index)[0])[:height, :width]

    def _apply(self, images, first):
        """float32 [B, H, W, C] in [0, 1] -> the same, with the noise of the first one's place."""
        if self._config.noise_seed is None:
            return self._model.translate(images).numpy()
        seed = tf.constant([self._config.noise_seed, first])
        return self._model.translate_noisy(images, seed).numpy()

    def _levels(self, outputs):
        if not np.isfinite(outputs).all():
            raise UsageError(f"--model {self._config.model}: makes values that are not finite")
        return to_levels(outputs)

    def _try(self):
        """Raise UsageError for a model from or to what no PNG file holds."""
        what = "not a model of grey, RGB or RGBA images"
        try:
            made = self._apply(tf.zeros([1, *self._size, self.channels]), 0).shape
        except (TypeError, ValueError) as error:  # no function of the model has this signature
            raise UsageError(f"--model {self._config.model}: {what}") from error
        if {self.channels, made[-1]} - {*MODES} or [*made[1:3]] != self._size:
            raise UsageError(f"--model {self._config.model}: {what}")


def pad(image: np.ndarray, multiple: int) -> np.ndarray:
    """Reflect at right and bottom, again and again if need be, to multiples of multiple."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, -height % multiple), (0, -width % multiple), (0, 0)), "reflect")
