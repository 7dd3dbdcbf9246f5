"""What ``experiments.pix2pix_maps`` does, step by step: the part that needs TensorFlow."""

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from experiments.data.account import pair_files, say_unused, source_of, told
from experiments.launch import figures as _figures
from experiments.runs.train_run import dtype_policy, image_summary
from tf_gen import PatchDiscriminator, Pix2Pix, UNetGenerator
from tf_gen.data import Pairs, draw_pairs, load_pairs, steps_per_epoch, training_batches
from tf_gen.data.batches import WHOLE
from tf_gen.data.cache import Cache
from tf_gen.data.images import to_tanh_range
from tf_gen.data.published.sets import MAPS, compare
from tf_gen.data.sources import Unreadable
from tf_gen.errors import UserError
from tf_gen.evaluation.pix2pix import Translator, errors, full_figures
from tf_gen.export import export_pix2pix
from tf_gen.optimizers import FusedAdam
from tf_gen.training import callbacks
from tf_gen.training.checkpoints import newest_step, read_networks
from tf_gen.training.run_dir import RunDir
from tf_gen.training.schedules import LinearDecay
from tf_gen.training.statistics import recompute_statistics

SYNTHETIC = {"train": 128, "val": 32}  # pairs drawn
SHOWN = 5  # validation images in each grid (the report)
JITTER = 286 / 256  # the paper's resize before the crop
EPOCH_VALIDATION = 100  # pairs at most at an epoch's end; all of them when training ends
STATISTICS_IMAGES, STATISTICS_BATCH = 200, 20
LOADING = """```python
import tensorflow as tf

model = tf.saved_model.load("saved_model")
images = tf.io.decode_image(tf.io.read_file("input.png"), channels=3)[None]
images = tf.image.resize(tf.cast(images, tf.float32) / 255, ({size}, {size}), method="area")
outputs = model.translate(images)  # float32 [1, {size}, {size}, 3] in [0, 1]
```

From this repository:
`python -m experiments.translate --model {path} --input FOLDER --output FOLDER`
"""


class Pix2PixTask:
    """Pairs, networks and figures of one run; see ``experiments.runs.train_run``."""

    by = "val_l1_report_mode"

    def __init__(self, config):
        self.config = config
        self.depth = unet_depth(config.image_size)
        self.data = load_data(config)
        self.source, self.note, self.files = self.data.source, self.data.note, self.data.files
        self.counts = (len(self.data.train), len(self.data.val))
        self.digests = {
            "train_digest": self.data.train.digest, "val_digest": self.data.val.digest,
        }  # fmt: skip
        self.epochs = config.epochs + config.decay_epochs
        self.title = f"pix2pix_maps, {config.direction}"
        self.loading = LOADING.replace("{size}", str(config.image_size))
        self.shown = ("generator_adversarial_loss", f"{config.reconstruction}_loss", "d_fake")

    def refuse_changes(self, folder: RunDir) -> None:
        """Raise UserError if the learning rate has begun to fall towards another end than now."""
        config = self.config
        before = (folder.read("config.json") or {}).get("settings", {})
        then = (before.get("epochs", 0), before.get("decay_epochs", 0))
        now = (config.epochs, config.decay_epochs)
        reached = newest_step(folder / "checkpoints")
        epoch_steps = steps_per_epoch(self.counts[0], config.batch_size)
        begun = any(decay and reached > epochs * epoch_steps for epochs, decay in (then, now))
        if begun and then != now:
            raise UserError(
                f"--epochs, --decay-epochs: {folder.path} has reached step {reached}, where the "
                f"learning rate falls already ({then[0]} and {then[1]} before, {now[0]} and "
                f"{now[1]} now): these can no longer change"
            )

    def build(self):
        """(A compiled and built Pix2Pix, what a checkpoint of it holds)."""
        config = self.config
        keras.utils.set_random_seed(config.seed)
        shared = {
            "filters": config.filters, "normalization": config.normalization,
            "dtype": dtype_policy(config.precision),
        }  # fmt: skip
        self.model = model = Pix2Pix(
            UNetGenerator(depth=self.depth, name="generator", **shared),
            PatchDiscriminator(name="discriminator", **shared),
            adversarial_loss=config.adversarial_loss,
            reconstruction=config.reconstruction,
            reconstruction_weight=config.reconstruction_weight,
            update=config.update,
            seed=config.seed,
        )
        rate = self._learning_rate()
        model.compile(
            FusedAdam(rate, beta_1=config.beta_1, name="generator_adam"),
            FusedAdam(rate, beta_1=config.beta_1, name="discriminator_adam"),
        )
        model.build((None, config.image_size, config.image_size, 3))
        model.build_optimizers()
        self.best = model.generator
        self.report_mode = Translator(model.generator, "report_mode")
        return model, {
            "generator": model.generator,
            "discriminator": model.discriminator,
            "generator_optimizer": model.optimizer,
            "discriminator_optimizer": model.discriminator_optimizer,
        }

    def _learning_rate(self):
        config = self.config
        if not config.decay_epochs:
            return config.learning_rate
        epoch = steps_per_epoch(self.counts[0], config.batch_size)
        return LinearDecay(config.learning_rate, config.epochs * epoch, config.decay_epochs * epoch)

    def start(self, folder: RunDir) -> None:
        """Read another run's networks, its optimisers left alone (fine-tuning)."""
        if self.config.init_from:
            read_networks(
                self.config.init_from / "checkpoints",
                generator=self.model.generator,
                discriminator=self.model.discriminator,
            )

    def batches(self, first_step: int, last_step: int, parts=WHOLE):
        """The training batches of these steps."""
        config, data = self.config, self.data
        return training_batches(
            data.train_inputs, data.train_targets, config.image_size,
            config.batch_size, config.seed, first_step, last_step, parts,
        )  # fmt: skip

    def validate(self) -> dict[str, float]:
        """At an epoch's end, in the report's mode."""
        rows = slice(0, EPOCH_VALIDATION)
        found = errors(self.report_mode(self.data.val_inputs[rows]), self.data.val_targets[rows])
        return {f"val_{name}_report_mode": value for name, value in found.items()}

    def watchers(self, scalars, figures: Path):
        """The validation images of each epoch (the report), in TensorBoard and as a picture."""
        return [
            callbacks.EpochSummary(scalars, image_summary("validation", self._grid)),
            callbacks.EpochSummary(scalars, lambda epoch: self._draw_epoch(figures, epoch)),
        ]

    def _draw_epoch(self, figures, epoch):
        _figures.image_table(figures / f"validation_epoch_{epoch}.png", self._shown())

    def draw_data(self, figures: Path) -> None:
        """The report's samples of the data."""
        data = self.data
        _figures.image_rows(
            figures / "data_samples.png",
            {"input": data.train_inputs[:SHOWN], "ground truth": data.train_targets[:SHOWN]},
        )

    def _shown(self) -> dict[str, np.ndarray]:
        inputs = self.data.val_inputs[:SHOWN]
        return {
            "input": inputs,
            "output": _figures.to_uint8(self.report_mode(inputs)),
            "ground truth": self.data.val_targets[:SHOWN],
        }

    def _grid(self) -> np.ndarray:
        return _figures.grid(*self._shown().values())

    def finish(self, folder: RunDir) -> dict:
        """Statistics, all figures, pictures and the SavedModel."""
        generator, data = self.model.generator, self.data
        recompute_statistics(generator, _statistics_batches(data, self.config.image_size))
        found = full_figures(generator, data.val_inputs, data.val_targets, data.train_targets)
        export_pix2pix(generator, folder / "saved_model", self.config.image_size)
        self._draw(folder)
        return {"direction": self.config.direction, **found}

    def _draw(self, folder: RunDir):
        figures = folder / "figures"
        _figures.image_rows(figures / "validation_last_epoch.png", self._shown())
        groups = {
            "generator": ["generator_loss", "generator_adversarial_loss"],
            f"generator: {self.config.reconstruction}": [f"{self.config.reconstruction}_loss"],
            "discriminator": [
                "discriminator_loss", "discriminator_real_loss", "discriminator_fake_loss",
            ],
            "D(real) and D(fake)": ["d_real", "d_fake"],
        }  # fmt: skip
        rows = callbacks.read_csv(folder / "logs" / "steps.csv")
        epoch_steps = steps_per_epoch(self.counts[0], self.config.batch_size)
        _figures.curves(figures / "loss_curves.png", rows, groups, epoch_steps)
        size = self.config.image_size
        for network in (self.model.generator, self.model.discriminator):
            _write_summary(figures / f"{network.name}_summary.txt", network.functional(size, size))


def _write_summary(path: Path, model) -> None:
    text = io.StringIO()
    model.summary(line_length=100, print_fn=lambda line: text.write(line + "\n"))
    path.write_text(text.getvalue())


@dataclasses.dataclass(frozen=True)
class Data:
    """Both splits, towards the chosen direction: uint8 [N, H, W, 3]; training pairs have slack."""

    train_inputs: np.ndarray
    train_targets: np.ndarray
    val_inputs: np.ndarray
    val_targets: np.ndarray
    train: Pairs
    val: Pairs
    source: str  # data_source of metrics.json
    note: str = ""  # on how it differs from the published set
    files: Sequence[tuple[str, str, str]] = ()  # of experiments.data.account


def load_data(config) -> Data:
    """Draw or read the pairs that the configuration names."""
    sizes = {"train": round(config.image_size * JITTER), "val": config.image_size}
    print(f"data: {'drawing' if config.data == 'synthetic' else 'reading'} {config.data}")
    if config.data == "synthetic":
        splits, about = {split: _draw(split, size) for split, size in sizes.items()}, ["synthetic"]
    else:
        source = source_of(config, {"maps": MAPS})
        splits = _read(source, config, sizes)
        files = pair_files(source, splits)
        say_unused(files)
        about = ["folder", "", files]
        if config.data == "report":
            counts = {split: len(pairs) for split, pairs in splits.items()}
            digests = {split: pairs.digest for split, pairs in splits.items()}
            about[:2] = told([compare(MAPS, counts, digests)])
    train, val = splits["train"], splits["val"]
    return Data(
        *train.towards(config.direction), *val.towards(config.direction), train, val, *about
    )


def _read(source, config, sizes) -> dict[str, Pairs]:
    """Both splits; what is unreadable in either is told in one error."""
    found, bad, cache = {}, [], Cache(config.cache_gib)
    for split in ("val", "train"):  # the smaller first: a missing one is told at once
        try:
            # the contract's figures are of validation images that were decoded in full
            found[split] = load_pairs(
                source, split, sizes[split], config.skip_unreadable,
                cache=cache, in_full=split == "val",
            )  # fmt: skip
        except Unreadable as error:
            bad.append(str(error))
    if bad:
        raise UserError("; ".join(bad))
    return {split: found[split] for split in sizes}


def _draw(split, size) -> Pairs:
    count = SYNTHETIC[split]
    aerial, street_map = draw_pairs(count, seed=list(SYNTHETIC).index(split), size=size)
    names = tuple(f"{split} {i}" for i in range(count))
    # Not of the pixels: machines may differ by one grey level and yet draw the same set.
    return Pairs(aerial, street_map, names, digest=f"synthetic-1 {split} {count}")


def unet_depth(image_size: int) -> int:
    """Halvings for an image size: 8, as in the report, or what takes a smaller one to 1 x 1."""
    if image_size > 0 and image_size % 256 == 0:
        return 8
    if 32 <= image_size < 256 and image_size & (image_size - 1) == 0:
        return image_size.bit_length() - 1
    raise UserError(
        f"--image-size {image_size}: the U-Net halves it to the end, so it must be 32, 64, "
        "128, 256, or a multiple of 256"
    )


def _statistics_batches(data: Data, size: int):
    """Training inputs without jitter: the middle size x size of each."""
    margin = (data.train_inputs.shape[1] - size) // 2
    inputs = data.train_inputs[:STATISTICS_IMAGES, margin : margin + size, margin : margin + size]
    for i in range(0, len(inputs), STATISTICS_BATCH):
        yield to_tanh_range(inputs[i : i + STATISTICS_BATCH])
