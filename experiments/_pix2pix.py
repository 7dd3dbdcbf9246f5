"""What ``experiments.pix2pix_maps`` does, step by step: the part that needs TensorFlow."""

import dataclasses
import io
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from experiments import _figures
from experiments._run_readme import table, write_readme
from tf_gen import PatchDiscriminator, Pix2Pix, UNetGenerator
from tf_gen.data import Pairs, draw_pairs, load_pairs, steps_per_epoch, training_batches
from tf_gen.data.images import to_tanh_range
from tf_gen.data.reading import Unreadable
from tf_gen.errors import UserError
from tf_gen.export import export_pix2pix
from tf_gen.optimizers import FusedAdam
from tf_gen.training import callbacks
from tf_gen.training.checkpoints import Checkpoints, newest_step, read_networks
from tf_gen.training.evaluation import Translator, errors, full_figures
from tf_gen.training.loop import train
from tf_gen.training.run_dir import RunDir, run_record
from tf_gen.training.schedules import LinearDecay
from tf_gen.training.statistics import recompute_statistics

__all__ = ["RunDir"]  # part of the story that pix2pix_maps tells

SYNTHETIC = {"train": 128, "val": 32}  # pairs drawn
SHOWN = 5  # validation images in each grid (the report)
JITTER = 286 / 256  # the paper's resize before the crop
EPOCH_VALIDATION = 100  # pairs at most at an epoch's end; all of them when training ends
STATISTICS_IMAGES, STATISTICS_BATCH = 200, 20
NOT_IDENTITY = (  # options that may change when a run is continued
    "data", "run_dir", "epochs", "decay_epochs", "max_steps",
    "checkpoint_minutes", "checkpoint_steps", "skip_unreadable",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Data:
    """Both splits, towards the chosen direction: uint8 [N, H, W, 3]; training pairs have slack."""

    train_inputs: np.ndarray
    train_targets: np.ndarray
    val_inputs: np.ndarray
    val_targets: np.ndarray
    train: Pairs
    val: Pairs
    source: str


def load_data(config) -> Data:
    """Draw or read the pairs that the configuration names."""
    sizes = {"train": round(config.image_size * JITTER), "val": config.image_size}
    if config.data == "report":
        raise UserError(
            "--data report: the published set is not fetched yet; unpack its maps.tar.gz "
            "(README says where it is) and give --data the folder maps"
        )
    print(f"data: {'drawing' if config.data == 'synthetic' else 'reading'} {config.data}")
    if config.data == "synthetic":
        train, val = (_draw(split, size) for split, size in sizes.items())
    else:
        train, val = _read(config, sizes)
    for pairs in (train, val):
        for _, reason in pairs.skipped:
            print(f"skipped {reason}")
    print(f"data: {len(train)} training and {len(val)} validation pairs")
    return Data(
        *train.towards(config.direction),
        *val.towards(config.direction),
        train,
        val,
        source="synthetic" if config.data == "synthetic" else "folder",
    )


def _read(config, sizes) -> list[Pairs]:
    """Both splits of the folder; what is unreadable in either is told in one error."""
    found, bad = {}, []
    for split in ("val", "train"):  # the smaller first: a missing one is told at once
        try:
            found[split] = load_pairs(config.data, split, sizes[split], config.skip_unreadable)
        except Unreadable as error:
            bad.append(str(error))
    if bad:
        raise UserError("; ".join(bad))
    return [found["train"], found["val"]]


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


def identity(config, data: Data) -> dict:
    """What makes a run this run: data, model, losses, optimiser, seed, batch size, precision."""
    fields = {k: v for k, v in dataclasses.asdict(config).items() if k not in NOT_IDENTITY}
    fields["init_from"] = config.init_from and str(config.init_from.resolve())
    return fields | {"train_digest": data.train.digest, "val_digest": data.val.digest}


def settings(config) -> dict:
    """The rest of the configuration."""
    fields = dataclasses.asdict(config)
    return {k: str(v) if isinstance(v := fields[k], Path) else v for k in NOT_IDENTITY}


def record(name: str, config, data: Data) -> dict:
    """What config.json holds."""
    return run_record(name, identity(config, data), settings(config))


def total_steps(config, data: Data) -> int:
    epochs = config.epochs + config.decay_epochs
    total = epochs * steps_per_epoch(len(data.train), config.batch_size)
    return min(total, config.max_steps or total)


def refuse_changed_decay(folder: RunDir, config, data: Data) -> None:
    """Raise UserError if the learning rate has begun to fall towards another end than now."""
    before = (folder.read("config.json") or {}).get("settings", {})
    then = (before.get("epochs", 0), before.get("decay_epochs", 0))
    now = (config.epochs, config.decay_epochs)
    reached = newest_step(folder / "checkpoints")
    epoch_steps = steps_per_epoch(len(data.train), config.batch_size)
    begun = any(decay and reached > epochs * epoch_steps for epochs, decay in (then, now))
    if begun and then != now:
        raise UserError(
            f"--epochs, --decay-epochs: {folder.path} has reached step {reached}, where the "
            f"learning rate falls already ({then[0]} and {then[1]} before, {now[0]} and {now[1]} "
            "now): these can no longer change"
        )


def finished(folder: RunDir, total: int) -> int:
    """The steps of a finished run that are enough; else 0."""
    steps = (folder.read("metrics.json") or {}).get("steps", 0)
    return steps if steps >= total else 0


def build_model(config, data: Data, depth: int) -> Pix2Pix:
    """A compiled and built Pix2Pix."""
    keras.utils.set_random_seed(config.seed)
    if config.precision == "bfloat16" and not _has_bfloat16():
        print("warning: no bfloat16 in this processor's hardware: it will be slower than float32")
    policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[config.precision]
    shared = {"filters": config.filters, "normalization": config.normalization, "dtype": policy}
    model = Pix2Pix(
        UNetGenerator(depth=depth, name="generator", **shared),
        PatchDiscriminator(name="discriminator", **shared),
        adversarial_loss=config.adversarial_loss,
        reconstruction=config.reconstruction,
        reconstruction_weight=config.reconstruction_weight,
        update=config.update,
        seed=config.seed,
    )
    rate = config.learning_rate
    if config.decay_epochs:
        epoch = steps_per_epoch(len(data.train), config.batch_size)
        rate = LinearDecay(rate, config.epochs * epoch, config.decay_epochs * epoch)
    model.compile(
        FusedAdam(rate, beta_1=config.beta_1, name="generator_adam"),
        FusedAdam(rate, beta_1=config.beta_1, name="discriminator_adam"),
    )
    model.build((None, config.image_size, config.image_size, 3))
    model.build_optimizers()
    return model


def _has_bfloat16() -> bool:
    """Whether a GPU, or this processor as far as Linux tells, computes in bfloat16."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else "avx512_bf16"
    return (
        "avx512_bf16" in flags
        or "amx_bf16" in flags
        or bool(tf.config.list_physical_devices("GPU"))
    )


def start_from(model: Pix2Pix, run: Path) -> None:
    """Read another run's networks, its optimisers left alone (fine-tuning)."""
    read_networks(run / "checkpoints", generator=model.generator, discriminator=model.discriminator)


class Job:
    """A run from its first step, or the one reached, to the complete folder."""

    def __init__(self, config, folder: RunDir, data: Data, model: Pix2Pix, total: int):
        self.config, self.folder, self.data, self.model = config, folder, data, model
        self.total = total
        self.epoch_steps = steps_per_epoch(len(data.train), config.batch_size)
        self.report_mode = Translator(model.generator, "report_mode")
        self.checkpoints = Checkpoints(
            folder / "checkpoints",
            {
                "generator": model.generator,
                "discriminator": model.discriminator,
                "generator_optimizer": model.optimizer,
                "discriminator_optimizer": model.discriminator_optimizer,
            },
            step=model.optimizer.iterations,
            minutes=config.checkpoint_minutes,
            steps=config.checkpoint_steps,
            best=model.generator,
            by="val_l1_report_mode",
        )

    @property
    def step(self) -> int:
        """Optimisation steps done."""
        return int(self.model.optimizer.iterations)

    def restore(self) -> int:
        """Read the newest checkpoint; returns its step, 0 without one."""
        return self.checkpoints.restore()

    def train(self) -> int | None:
        """Train to the end; returns the signal's number if one stopped it before."""
        config, data = self.config, self.data
        _data_samples(self.folder / "figures" / "data_samples.png", data)
        scalars = callbacks.TensorBoardScalars(
            self.folder / "logs", config.batch_size, _markdown(self.folder.read("config.json"))
        )
        watchers = [
            callbacks.ProgressBar(
                config.batch_size,
                ("generator_adversarial_loss", f"{config.reconstruction}_loss", "d_fake"),
            ),
            callbacks.History(self.folder / "logs"),
            scalars,
            callbacks.EpochImages(scalars, "validation", self._grid),
        ]
        with callbacks.StopOnSignal() as stop:
            train(
                self.model,
                self._batches,
                steps_per_epoch=self.epoch_steps,
                total_steps=self.total,
                first_step=self.step,
                validate=self._validate,
                callbacks=[*watchers, stop, self.checkpoints],
            )
        return stop.received

    def _batches(self, first_step: int, last_step: int):
        config, data = self.config, self.data
        return training_batches(
            data.train_inputs, data.train_targets, config.image_size,
            config.batch_size, config.seed, first_step, last_step,
        )  # fmt: skip

    def _validate(self) -> dict[str, float]:
        rows = slice(0, EPOCH_VALIDATION)
        found = errors(self.report_mode(self.data.val_inputs[rows]), self.data.val_targets[rows])
        return {f"val_{name}_report_mode": value for name, value in found.items()}

    def _shown(self) -> dict[str, np.ndarray]:
        inputs = self.data.val_inputs[:SHOWN]
        return {
            "input": inputs,
            "output": _figures.to_uint8(self.report_mode(inputs)),
            "ground truth": self.data.val_targets[:SHOWN],
        }

    def _grid(self) -> np.ndarray:
        return _figures.grid(*self._shown().values())

    def finish(self):
        """Statistics, all figures, pictures, the SavedModel, and last metrics.json."""
        generator, data = self.model.generator, self.data
        print("measuring, drawing and exporting")
        recompute_statistics(generator, _statistics_batches(data, self.config.image_size))
        found = full_figures(generator, data.val_inputs, data.val_targets, data.train_targets)
        export_pix2pix(generator, self.folder / "saved_model", self.config.image_size)
        self._draw()
        self.checkpoints.keep_newest()
        rows = callbacks.read_csv(self.folder / "logs" / "steps.csv")
        seconds = callbacks.median_seconds([row["step_seconds"] for row in rows])
        self.folder.write(
            "metrics.json",
            {
                "data_source": data.source,
                "direction": self.config.direction,
                "train_pairs": len(data.train),
                "val_pairs": len(data.val),
                "epochs": self.step / self.epoch_steps,
                "steps": self.step,
                **found,
                "train_step_seconds": seconds,
                "images_per_second": self.config.batch_size / seconds,
            },
        )
        write_readme(self.folder)

    def _draw(self):
        figures = self.folder / "figures"
        _figures.image_rows(figures / "validation_last_epoch.png", self._shown())
        rows = callbacks.read_csv(self.folder / "logs" / "steps.csv")
        groups = {
            "generator": ["generator_loss", "generator_adversarial_loss"],
            f"generator: {self.config.reconstruction}": [f"{self.config.reconstruction}_loss"],
            "discriminator": [
                "discriminator_loss", "discriminator_real_loss", "discriminator_fake_loss",
            ],
            "D(real) and D(fake)": ["d_real", "d_fake"],
        }  # fmt: skip
        _figures.curves(figures / "loss_curves.png", rows, groups, self.epoch_steps)
        for network in (self.model.generator, self.model.discriminator):
            text = io.StringIO()
            size = self.config.image_size
            network.functional(size, size).summary(
                line_length=100, print_fn=lambda line, text=text: text.write(line + "\n")
            )
            (figures / f"{network.name}_summary.txt").write_text(text.getvalue())


def _statistics_batches(data: Data, size: int):
    """Training inputs without jitter: the middle size x size of each."""
    margin = (data.train_inputs.shape[1] - size) // 2
    inputs = data.train_inputs[:STATISTICS_IMAGES, margin : margin + size, margin : margin + size]
    for i in range(0, len(inputs), STATISTICS_BATCH):
        yield to_tanh_range(inputs[i : i + STATISTICS_BATCH])


def _data_samples(path, data: Data):
    _figures.image_rows(
        path, {"input": data.train_inputs[:SHOWN], "ground truth": data.train_targets[:SHOWN]}
    )


def _markdown(record: dict) -> str:
    """config.json as a Markdown table, for TensorBoard's text tab."""
    fields = {**record["identity"], **record["settings"], **record["versions"]}
    return "\n".join(table("field", fields))
