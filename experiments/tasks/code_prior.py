"""Training a prior over the codes of a VQ-VAE's run."""

import dataclasses
import hashlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import tf_gen
from experiments.launch import pictures
from experiments.launch.errors import UsageError
from experiments.measures.asked import named
from experiments.measures.codes import bits_by_place, code_prior_figures, nearest
from experiments.tasks.faces import SHOWN, FaceTask
from experiments.tasks.options import VqPriorRun
from experiments.tasks.task import Built, image_summary
from tf_gen import CodePrior
from tf_gen.data import shuffled_batches
from tf_gen.data.batches import WHOLE
from tf_gen.data.images import to_levels
from tf_gen.evaluation.autoencoders import in_batches
from tf_gen.export import export_code_prior
from tf_gen.training.callbacks import EpochSummary
from tf_gen.training.run_dir import RunDir

TEMPERATURES = (0.0, 0.5, 0.8, 1.0, 1.2)
LINES = """faces = model.sample(8, [0, 1])  # a count and a seed
codes = model.sample_codes(8, [0, 1], 0.8)  # and a temperature
log_probs = model.log_prob(codes)  # in nats
faces = model.decode(codes)
codes = model.encode(faces)
"""
MORE = """
From this repository: `python -m experiments.sample --model {path} --count 16 --output FOLDER`
"""


def of_vq_run(config) -> VqPriorRun:
    """The configuration with what the VQ-VAE's run says.

    Raises: UsageError if it is missing, unfinished, of another kind, or of several quantisers.
    """
    record, vq_vae = _record(config.vq_run), load_vq_vae(config.vq_run)
    options = {**record["identity"], **record["settings"]}
    given = dataclasses.asdict(config)
    if config.data is None:
        given |= {"data": options["data"], "data_dir": _path(options["data_dir"])}
    return VqPriorRun(
        **given,
        crop=tuple(options["crop"]),
        image_size=options["image_size"],
        codes=vq_vae.codes,
        vq_digest=weights_digest(vq_vae),
    )


def _path(text):
    return text and Path(text)


def _record(run: Path) -> dict:
    """Its config.json."""
    folder = RunDir(run, writing=False)
    record = folder.read("config.json")
    if record is None or record.get("experiment") != "vq_vae_faces":
        found = "no run" if record is None else f"a run of {record.get('experiment')}"
        raise UsageError(f"--vq-run {run}: {found}; give a finished run of vq_vae_faces")
    if folder.read("metrics.json") is None:
        raise UsageError(
            f"--vq-run {run}: is not finished; let it end: python -m experiments.vq_vae_faces "
            f"--run-dir {run}, with its other options"
        )
    return record


def load_vq_vae(run: Path):
    """The Keras model of a VQ-VAE's run. Raises: UsageError for one of several quantisers."""
    vq_vae = tf_gen.load(run)
    if vq_vae.quantizer.code_shape:
        raise UsageError(
            f"--vq-run {run}: has several codes at a place; give a run with one quantiser"
        )
    return vq_vae


def weights_digest(model) -> str:
    """SHA-256 of a model's weights."""
    found = hashlib.sha256()
    for weight in model.get_weights():
        found.update(np.ascontiguousarray(weight).tobytes())
    return found.hexdigest()


class CodePriorTask(FaceTask):
    """A prior over codes of one set of faces; see ``experiments.tasks.task``."""

    options = VqPriorRun
    figures = staticmethod(code_prior_figures)
    progress_logs, best_by = ("bits_per_code",), "val_bits_per_code"
    keeps_best = True  # it soon knows its few images by heart
    curves = {"bits a code": ["bits_per_code"]}

    def __init__(self, config):
        super().__init__(config, ["anime"])
        self.about = self.tell("A prior over a VQ-VAE's codes", LINES, MORE)

    def build(self, epoch_steps: int) -> Built:
        config, vq_vae = self.config, load_vq_vae(self.config.vq_run)
        identity = _record(config.vq_run)["identity"]
        if self.data.train.digest != identity["train_digest"]:
            raise UsageError(
                f"--data {config.data}: not the images that the VQ-VAE was trained on; say where "
                "these lie now"
            )
        train, val = self.data.train.images, self.data.val.images
        self.codes = {
            "train": in_batches(vq_vae.encode, train), "val": in_batches(vq_vae.encode, val),
        }  # fmt: skip
        return self.made(
            CodePrior,
            epoch_steps,
            codes=config.codes,
            vq_vae=vq_vae,
            grid=self.codes["train"].shape[1:],
            width=config.width,
            depth=config.depth,
            dropout=config.dropout,
            name="code_prior",
        )

    def batches(self, first_step: int, last_step: int, parts=WHOLE):
        """The training images' codes."""
        config = self.config
        return shuffled_batches(
            self.codes["train"], config.batch_size, config.seed, first_step, last_step, parts
        )

    def validate(self, check) -> dict[str, float]:
        """The model's own loss, on the validation images' codes."""
        watch = keras.callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: check())
        batches = tf.data.Dataset.from_tensor_slices(self.codes["val"])
        found = self.model.evaluate(
            batches.batch(self.config.batch_size), verbose=0, return_dict=True, callbacks=[watch]
        )
        return named("val", found)

    def watch(self, scalars, figures: Path):
        """Pictures in TensorBoard."""
        return [
            *super().watch(scalars, figures),
            EpochSummary(scalars, image_summary("generated", lambda: pictures.rows(self._new()))),
            EpochSummary(scalars, self._write_bits),
        ]

    def _write_bits(self, epoch):
        bits = self._bits_by_place()
        tf.summary.image("bits_by_place", bits[None, :, :, None] / bits.max(), step=epoch)

    def _bits_by_place(self):
        return bits_by_place(self.model, self.codes["val"])

    def _new(self, count=SHOWN, temperature=1.0):
        return to_levels(self.model.sample(count, self.config.seed, temperature))

    def leave(self, folder: Path) -> None:
        """All pictures and the SavedModel."""
        figures, train = folder / "figures", self.data.train.images
        self.draw_losses(folder)
        new = self._new()
        pictures.image_table(figures / "generated.png", {"": new})
        by_temperature = {f"{t:g}": self._new(temperature=t) for t in TEMPERATURES}
        pictures.image_table(figures / "temperatures.png", by_temperature)
        closest = {"new": new, "nearest\ntraining": train[nearest(new, train)[0]]}
        pictures.image_table(figures / "nearest.png", closest)
        pictures.image_table(figures / "completed.png", self._completed())
        pictures.heat_map(
            figures / "bits_by_place.png", self._bits_by_place(), "held-out bits a code, by place"
        )
        export_code_prior(self.model, folder / "saved_model")

    def _completed(self):
        """Validation images whose lower half is drawn anew, twice."""
        codes, rows = self.codes["val"][:SHOWN], self.codes["val"].shape[1] // 2
        again = [self.model.complete(codes, rows, seed) for seed in (0, 1)]
        titles = ("given", "lower half\nanew", "and again")
        return {
            title: to_levels(self.model.decode(some))
            for title, some in zip(titles, (codes, *again), strict=True)
        }
