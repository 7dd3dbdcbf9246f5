"""Training a pix2pix on pairs, whatever the command."""

import dataclasses
import io
from pathlib import Path

import keras
import numpy as np

from experiments.data.maps import load_maps
from experiments.launch import pictures
from experiments.launch.errors import UsageError
from experiments.launch.precision import dtype_policy
from experiments.measures.pix2pix import pix2pix_epoch_figures, pix2pix_figures
from experiments.tasks.options import (
    ModernOptions,
    Pix2PixOptions,
    segmenting_halvings,
    sides_of,
    unet_depth,
)
from experiments.tasks.reader import load_reader
from experiments.tasks.task import About, Built, image_summary
from tf_gen import (
    MultiScaleDiscriminator,
    PatchDiscriminator,
    Pix2Pix,
    ResNetGenerator,
    SegmentedPix2Pix,
    SegmentingDiscriminator,
    UNetGenerator,
    load,
)
from tf_gen.data import training_batches
from tf_gen.data.batches import WHOLE
from tf_gen.data.images import to_levels, to_tanh_range, with_channels
from tf_gen.evaluation.pix2pix import in_report_mode
from tf_gen.export import export_pix2pix, translations
from tf_gen.optimizers import FusedAdam
from tf_gen.training.callbacks import EpochSummary
from tf_gen.training.checkpoints import copy_weights, newest_checkpoint, read_networks
from tf_gen.training.history import read_csv
from tf_gen.training.schedules import LinearDecay
from tf_gen.training.statistics import recompute_statistics

SHOWN = 5  # validation images in each grid (the report)
STATISTICS_IMAGES, STATISTICS_BATCH = 200, 20
LOADING = """```python
import tensorflow as tf

model = tf.saved_model.load("saved_model")
# JPEG, PNG, BMP or GIF of any size, to PNG of {height} x {width}
(output,) = model.translate_bytes([tf.io.read_file("input.jpg")])
tf.io.write_file("output.png", output)
images = tf.zeros([1, {height}, {width}, {channels}])  # of arrays, float32 in [0, 1]
outputs = model.translate(images)
```

As a Keras model, in [-1, 1]: `tf_gen.load("{path}")`, the generator. From this repository:
`python -m experiments.translate --model {path} --input FOLDER --output FOLDER`
"""


def _loading(config, sides):
    """``LOADING`` of a model of these sides and channels."""
    height, width = sides
    values = {"height": height, "width": width, "channels": config.input_channels}
    text = LOADING
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


class Pix2PixTask:
    """Pairs, networks and figures of one run; see ``experiments.tasks.task``."""

    options = Pix2PixOptions
    command = "pix2pix_maps"

    def __init__(self, config):
        self.config, self.data, self.reader = config, self._load(config), None
        self._check_pairs()
        self.about = About(
            title=f"{self.command}, {config.direction}",
            loading=_loading(config, self.served_sides),
            progress_logs=("generator_adversarial_loss", f"{config.reconstruction}_loss", "d_fake"),
            best_by="val_l1_report_mode",
            kept="the averaged" if config.average_momentum else "the last step's",
        )

    def _load(self, config):
        return load_maps(config)

    def _visible(self, inputs):
        """Inputs as they are shown: RGB."""
        return with_channels(inputs, 3)

    @property
    def served_sides(self):
        """Height and width of the images that the SavedModel calls its own."""
        return sides_of(self.config.image_size)

    def _check_pairs(self):
        """Raise UsageError for pairs that the networks cannot be trained on."""
        config = self.config
        smallest = 2 ** unet_depth(config.image_size) if config.generator == "unet" else None
        to_the_end = max(sides_of(config.image_size)) == smallest  # 1 x 1
        if len(self.data.train) == 1 and to_the_end and config.normalization.endswith("batch"):
            raise UsageError(
                f"{config.data}: holds one training pair, and batch normalisation would see one "
                "value of it at the bottleneck: give more pairs, or --normalization instance"
            )

    def build(self, epoch_steps: int) -> Built:
        self.epoch_steps, config = epoch_steps, self.config
        self.reader = load_reader(config.reader, config)
        self.model = model = self.untrained()
        model.compile(*self._optimizers())
        model.build(self._input_shape())
        model.build_optimizers()
        self.shown = self._averaged() if config.average_momentum else model.generator
        self.translator = translations(self.shown, self.served_sides, config.input_channels)
        parts = {
            "generator": model.generator,
            "discriminator": model.discriminator,
            "generator_optimizer": model.optimizer,
            "discriminator_optimizer": model.discriminator_optimizer,
        }
        return Built(model, self.shown, parts)

    def untrained(self) -> Pix2Pix:
        """The model, neither built nor compiled; asks for no data."""
        config = self.config
        keras.utils.set_random_seed(config.seed)
        shared = {
            "filters": config.filters, "normalization": config.normalization,
            "dtype": dtype_policy(config.precision),
        }  # fmt: skip
        generator, discriminator = self._generator(shared), self._discriminator(shared)
        segments = isinstance(discriminator, SegmentingDiscriminator)
        return (SegmentedPix2Pix if segments else Pix2Pix)(
            generator,
            discriminator,
            adversarial_loss=config.adversarial_loss,
            adversarial_weight=config.adversarial_weight,
            reconstruction=config.reconstruction,
            reconstruction_weight=config.reconstruction_weight,
            feature_matching_weight=config.feature_matching_weight,
            gradient_penalty_weight=config.gradient_penalty_weight,
            perceptual_weight=config.perceptual_weight,
            update=config.update,
            seed=config.seed,
        )

    def _generator(self, shared):
        own = {name: getattr(self.config, name) for name in ("output_channels", "upsampling")}
        shared = {**shared, **own}
        if self.config.generator == "resnet":
            return ResNetGenerator(name="generator", **shared)
        depth = unet_depth(self.config.image_size)
        noise = {"dropout": 0.0, "noise_channels": 1} if self.config.noise == "input" else {}
        return UNetGenerator(depth=depth, name="generator", **noise, **shared)

    def _input_shape(self):
        return (None, *self.config.sides, self.config.input_channels)

    def _discriminator(self, shared):
        """The report's; of several scales, a sum of such; or one that segments."""
        config, scales = self.config, self.config.discriminator_scales
        shared = {**shared, "filters": config.discriminator_filters or config.filters}
        if config.discriminator == "segmenting":
            return SegmentingDiscriminator(
                shared["filters"], segmenting_halvings(config.image_size), dtype=shared["dtype"],
                name="discriminator",
            )  # fmt: skip
        if config.spectral:
            shared = {**shared, "normalization": "none", "spectral": True}
        if scales == 1:
            return PatchDiscriminator(name="discriminator", **shared)
        return MultiScaleDiscriminator(scales, name="discriminator", **shared)

    def _optimizers(self):
        """The generator's and the discriminator's."""
        config, momentum = self.config, self.config.average_momentum
        own = config.discriminator_learning_rate
        average = {"use_ema": True, "ema_momentum": momentum, "ema_warmup": True}
        more = config.accumulation
        return (
            FusedAdam(
                self._rate(config.learning_rate), config.beta_1, name="generator_adam",
                **(average if momentum else {}), **more,
            ),
            FusedAdam(
                self._rate(config.learning_rate if own is None else own), config.beta_1,
                name="discriminator_adam", **more,
            ),
        )  # fmt: skip

    def _rate(self, first):
        config, epoch = self.config, self.epoch_steps
        if not config.decay_epochs:
            return first
        return LinearDecay(first, config.epochs * epoch, config.decay_epochs * epoch)

    def _averaged(self):
        """A generator for the averages of the trained one's weights."""
        generator = self.model.generator
        copy = generator.from_config(generator.get_config())
        copy.build(self._input_shape())
        return copy

    def _show(self):
        """Bring the generator that is validated and exported as far as training has come."""
        if self.shown is self.model.generator:
            return
        trained, shown = self.model.generator, self.shown
        optimizer = self.model.optimizer  # in float16 with loss scaling around it
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        averages = optimizer._model_variables_moving_average
        for variable, value in zip(shown.trainable_variables, averages, strict=True):
            variable.assign(value)
        # moving statistics are averages already
        for variable, value in zip(
            shown.non_trainable_variables, trained.non_trainable_variables, strict=True
        ):
            variable.assign(value)

    def start(self) -> None:
        """Read another run's networks, its optimisers left alone (fine-tuning); of a ready model,
        which has no checkpoints, the generator."""
        start, model = self.config.init_from, self.model
        if start is None:
            return
        if newest_checkpoint(start / "checkpoints"):
            both = {"generator": model.generator, "discriminator": model.discriminator}
            read_networks(start / "checkpoints", **both)
        else:
            self._copy(load(start), model.generator)

    def _copy(self, source, target):
        """Copy all weights. Raises: UsageError if the networks are others."""
        if copy_weights(source, target):
            raise UsageError(
                f"--init-from {self.config.init_from}: its networks are others; give the filters, "
                "image size, normalization and other options that it was trained with"
            )

    def batches(self, first_step: int, last_step: int, parts=WHOLE):
        """The training batches of these steps."""
        config = self.config
        return training_batches(
            *self.data.train_sides, config.sides,
            config.batch_size, config.seed, first_step, last_step, parts,
        )  # fmt: skip

    def validate(self, check) -> dict[str, float]:
        """The errors in the report's mode, and how well maps can be read there."""
        self._show()
        return pix2pix_epoch_figures(self.translator, self.data, self.config, check, self.reader)

    def watch(self, scalars, figures: Path):
        """The report's samples of the data; the validation images of each epoch (the report), in
        TensorBoard and as a picture."""
        inputs, targets = (side[:SHOWN] for side in self.data.train_sides)
        inputs, targets = self._visible(inputs), with_channels(targets, 3)
        pictures.image_rows(
            figures / "data_samples.png", {"input": inputs, "ground truth": targets}
        )
        return [
            EpochSummary(scalars, image_summary("validation", self._grid)),
            EpochSummary(scalars, lambda epoch: self._draw_epoch(figures, epoch)),
        ]

    def _draw_epoch(self, figures, epoch):
        pictures.image_table(figures / f"validation_epoch_{epoch}.png", self._shown())

    def _grid(self):
        return pictures.grid(*self._shown().values())

    def _shown(self):
        inputs, targets = (side[:SHOWN] for side in self.data.val_sides)
        outputs = in_report_mode(self.translator, inputs, self.config.seed)
        made = {"output": to_levels(outputs), "ground truth": targets}
        made = {name: with_channels(images, 3) for name, images in made.items()}
        return {"input": self._visible(inputs), **made}

    def prepare_to_measure(self):
        """The functions of the SavedModel, normalisation's statistics recomputed."""
        self._show()
        inputs, _ = self.data.middle(self.config.sides)
        inputs = inputs[:STATISTICS_IMAGES]
        # parts of about equal size: the rest of a division could be one image alone
        parts = np.array_split(inputs, -(-len(inputs) // STATISTICS_BATCH))
        recompute_statistics(self.shown, map(to_tanh_range, parts))
        return self.translator

    def measure(self, model, asked) -> dict[str, float]:
        """All figures of a translator; training's end knows the run's own reader."""
        asked = dataclasses.replace(asked, reader=asked.reader or self.reader)
        found = pix2pix_figures(model, self.data, self.config, asked)
        return {"direction": self.config.direction, **found}

    def leave(self, folder: Path) -> None:
        """Outputs, curves, the networks' tables, the SavedModel."""
        config, where, term = self.config, folder / "figures", self.config.reconstruction
        pictures.image_rows(where / "validation_last_epoch.png", self._shown())
        groups = {
            "generator": ["generator_loss", "generator_adversarial_loss"],
            f"generator: {term}": [f"{term}_loss"],
            "discriminator": [
                "discriminator_loss", "discriminator_real_loss", "discriminator_fake_loss",
            ],
            "D(real) and D(fake)": ["d_real", "d_fake"],
        }  # fmt: skip
        rows = read_csv(folder / "logs" / "steps.csv")
        pictures.curves(where / "loss_curves.png", rows, groups, self.epoch_steps)
        networks = [
            self.shown.functional(*config.sides, config.input_channels),
            self.model.discriminator.functional(
                *config.sides, self.model.seen_channels, config.output_channels
            ),
        ]
        for network in networks:
            _write_summary(where / f"{network.name}_summary.txt", network)
        export_pix2pix(self.shown, folder / "saved_model", self.served_sides, config.input_channels)


class ModernTask(Pix2PixTask):
    """The same with other defaults."""

    options = ModernOptions
    command = "pix2pix_maps_modern"


def _write_summary(path: Path, model) -> None:
    text = io.StringIO()
    model.summary(line_length=100, print_fn=lambda line: text.write(line + "\n"))
    path.write_text(text.getvalue(), "utf-8")
