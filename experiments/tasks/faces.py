"""What the tasks on faces share: the data, and figures of the loss."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from experiments.data.account import face_files, say_unused, source_of, told
from experiments.launch import figures as _figures
from experiments.runs.train_run import dtype_policy
from tf_gen.data import (
    Faces,
    FaceSplits,
    draw_faces,
    image_batches,
    load_faces,
    ordered_batches,
    steps_per_epoch,
)
from tf_gen.data.batches import WHOLE
from tf_gen.data.cache import Cache
from tf_gen.data.published.sets import ANIME_FACES, CARTOON_FACES, compare
from tf_gen.errors import UserError
from tf_gen.optimizers import FusedAdam
from tf_gen.training import callbacks
from tf_gen.training.run_dir import RunDir

SYNTHETIC = {"train": 2000, "val": 240}  # faces drawn of each style
PUBLISHED = {"anime": ANIME_FACES, "cartoon": CARTOON_FACES}
SAMPLES = 5  # images of the data set shown (the report)
SHOWN = 8  # images in each other row (the report)
FIRST_LINES = """```python
import tensorflow as tf

model = tf.saved_model.load("saved_model")
"""
LAST_LINES = """```

Images are float32 [B, {size}, {size}, 3] in [0, 1].
"""


class FaceTask:
    """Data and loss curves of one run; see ``experiments.runs.train_run``. A model's task adds the
    rest."""

    by = "val_loss"
    curves: dict[str, list[str]]  # title -> logs

    def __init__(self, config, styles, by_class=False, loaded=None):
        self.config = config
        if config.data == "synthetic" and config.crop != type(config).crop:
            raise UserError(
                "--crop: drawn faces have no margin; leave it out, or give --data a folder"
            )
        self.loaded = loaded or load_data(config, styles, by_class)
        self.data, self.source, self.note, self.files = self.loaded
        self.counts = (len(self.data.train), len(self.data.val))
        if self.counts[0] < config.batch_size:
            raise UserError(
                f"{config.data}: {self.counts[0]} training images are fewer than a batch "
                f"(--batch-size {config.batch_size}): give more images or a smaller batch"
            )
        self.digests = {
            "train_digest": self.data.train.digest, "val_digest": self.data.val.digest,
        }  # fmt: skip
        self.epochs = config.epochs
        self.left_out = {
            "unreadable": len(self.data.skipped), "duplicates": len(self.data.duplicates),
            "left_out_to_balance": len(self.data.left_out),
        }  # fmt: skip

    def compiled(self, model_class, **own):
        """(A compiled model with the options that all share, what a checkpoint of it holds)."""
        config = self.config
        keras.utils.set_random_seed(config.seed)
        self.model = self.best = model = model_class(
            normalization=config.normalization,
            pool_last=config.pool_last,
            seed=config.seed,
            dtype=dtype_policy(config.precision),
            **own,
        )
        model.compile(FusedAdam(config.learning_rate))
        model.optimizer.build(model.trainable_variables)
        return model, {"model": model, "optimizer": model.optimizer}

    def refuse_changes(self, folder: RunDir) -> None:
        """Nothing that may change can change too late."""

    def start(self, folder: RunDir) -> None:
        """Nothing is done before the first step."""

    def batches(self, first_step: int, last_step: int, parts=WHOLE):
        """The training batches of these steps."""
        config, train = self.config, self.data.train
        labels = train.labels if train.classes else None
        return image_batches(
            train.images, labels, config.batch_size, config.seed, first_step, last_step, parts
        )

    def validate(self) -> dict[str, float]:
        """The model's own metrics on all validation images."""
        val = self.data.val
        labels = val.labels if val.classes else None
        batches = ordered_batches(val.images, labels, self.config.batch_size)
        found = self.model.evaluate(batches, verbose=0, return_dict=True)
        return {f"val_{name}": value for name, value in found.items()}

    def draw_data(self, figures: Path) -> None:
        """The report's samples of the data."""
        train = self.data.train
        rows = {
            name: train.images[train.labels == label][:SAMPLES]
            for label, name in enumerate(train.classes or ("",))
        }
        _figures.image_table(figures / "data_samples.png", rows)

    def draw_losses(self, folder: RunDir) -> None:
        """The report's curves of the losses."""
        steps, epochs = (
            callbacks.read_csv(folder / "logs" / f"{name}.csv") for name in ("steps", "epochs")
        )
        epoch_steps = steps_per_epoch(self.counts[0], self.config.batch_size)
        _figures.curves(
            folder / "figures" / "loss_curves.png", steps, self.curves, epoch_steps, epochs
        )


class Loaded(NamedTuple):
    """Data, and what is said of it."""

    data: FaceSplits
    source: str  # data_source of metrics.json
    note: str = ""  # on how it differs from the published set
    files: Sequence[tuple[str, str, str]] = ()  # of experiments.data.account


def load_data(config, styles, by_class) -> Loaded:
    """Draw or read the faces that the configuration names."""
    print(f"data: {'drawing' if config.data == 'synthetic' else 'reading'} {config.data}")
    if config.data == "synthetic":
        splits = (_draw(split, styles, config.image_size) for split in SYNTHETIC)
        return Loaded(FaceSplits(*splits), "synthetic")
    sets = {style: PUBLISHED[style] for style in styles}
    source = source_of(config, sets)
    data = load_faces(
        source, config.image_size, by_class=by_class, crop=config.crop,
        skip_unreadable=config.skip_unreadable, cache=Cache(config.cache_gib),
    )  # fmt: skip
    files = face_files(source, data)
    say_unused(files)
    if config.data != "report":
        return Loaded(data, "folder", files=files)
    return Loaded(data, *told(_compared(source, sets)), files)


def _compared(source, sets):
    sources = source.sources if len(sets) > 1 else dict.fromkeys(sets, source)
    return [compare(one, {"": len(sources[name].names)}, {}) for name, one in sets.items()]


def _draw(split: str, styles, size: int) -> Faces:
    count, seed = SYNTHETIC[split], list(SYNTHETIC).index(split)
    return Faces(
        images=np.concatenate([draw_faces(count, seed, style, size) for style in styles]),
        labels=np.repeat(np.arange(len(styles), dtype=np.int32), count),
        names=tuple(f"{style} {split} {i}" for style in styles for i in range(count)),
        classes=tuple(styles) if len(styles) > 1 else (),
        # Not of the pixels: machines may differ by one grey level and yet draw the same set.
        digest=f"synthetic-1 {' '.join(styles)} {split} {count}",
    )
