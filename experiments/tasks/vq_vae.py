"""What ``vq_vae_faces`` does: the part that needs TensorFlow."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from experiments.launch import figures as _figures
from experiments.launch.cli import Stopped
from experiments.launch.options import VaeOptions
from experiments.launch.saved_models import load_saved_model
from experiments.runs.train_run import image_summary, train_run
from experiments.tasks.faces import FIRST_LINES, LAST_LINES, SHOWN, FaceTask
from experiments.tasks.latents import GENERATED
from experiments.tasks.vae import VaeTask
from tf_gen import VQVAE
from tf_gen.data.images import to_unit_range
from tf_gen.errors import UserError
from tf_gen.evaluation import autoencoders as evaluation
from tf_gen.export import export_vq_vae
from tf_gen.models.vq_vae import START_IMAGES
from tf_gen.training.callbacks import EpochSummary
from tf_gen.training.checkpoints import newest_step
from tf_gen.training.run_dir import RunDir

NAME = "vq_vae_faces"
LOADING = f"""{FIRST_LINES}codes = model.encode(images)  # int32 [B, h, w]
again = model.decode(codes)  # or model.reconstruct(images)
{LAST_LINES}"""


class VqVaeTask(FaceTask):
    """A VQ-VAE on one set of faces, and on images that a VAE generates."""

    by = "val_recon_loss"
    curves = {
        "loss": ["loss", "recon_loss"],
        "codebook": ["codebook_loss", "commitment_loss"],
        "perplexity": ["perplexity"],
    }
    shown = ("recon_loss", "perplexity")

    def __init__(self, config):
        self.vae = config.vae_run and load_vae(config.vae_run, config.image_size)
        super().__init__(config, ["anime"])
        self._check_restarts()
        self.title = "VQ-VAE on faces"
        self.loading = LOADING.replace("{size}", str(config.image_size))

    def _check_restarts(self):
        config = self.config
        side = config.image_size // (8 if config.pool_last else 4)
        average = config.batch_size * side**2 / config.codes
        if config.restart_below > average:
            raise UserError(
                f"--restart-below {config.restart_below:g}: a code gets {average:g} vectors of a "
                "batch on average, so most would be restarted at every step; give less"
            )

    def refuse_changes(self, folder: RunDir) -> None:
        """Raise UserError if the images that the VAE generates would become others."""
        before, config = folder.read("config.json"), self.config
        then = before and before["settings"].get("vae_run")
        now = config.vae_run and str(config.vae_run.resolve())
        if before and then != now:
            wanted = f"give --vae-run {then}" if then else "leave --vae-run out"
            raise UserError(f"{folder.path} was started with another VAE: {wanted}")
        if newest_step(folder / "checkpoints") and not then:
            self._check_own_vae(folder, before["settings"]["vae_epochs"])

    def _check_own_vae(self, folder, epochs):
        """Of a run that goes on: its VAE was trained before the first step."""
        if self.config.vae_epochs != epochs:
            raise UserError(
                f"--vae-epochs {self.config.vae_epochs}: the VAE of {folder.path} was trained "
                f"with {epochs}, which can no longer change"
            )
        if not (folder / "vae" / "saved_model").is_dir():
            raise UserError(
                f"{folder.path}: the VAE that this run trained is no longer in its vae/; put it "
                "back, or start a new run"
            )

    def build(self):
        """(A compiled VQVAE, what a checkpoint of it holds)."""
        config = self.config
        return self.compiled(
            VQVAE,
            codes=config.codes,
            code_dim=config.code_dim,
            commitment_weight=config.commitment_weight,
            codebook=config.codebook,
            start=config.codebook_start,
            restart_below=config.restart_below,
            name="vq_vae",
        )

    def start(self, folder: RunDir) -> None:
        """Start the codebook and, if none is given, train a VAE."""
        images = self.data.train.images
        chosen = np.random.default_rng(self.config.seed).permutation(len(images))[:START_IMAGES]
        try:
            self.model.start_codebook(to_unit_range(images[chosen]))
        except UserError as error:
            raise UserError(
                f"--codes {self.config.codes}: {error}, or --codebook-start uniform"
            ) from error
        if self.vae is None:
            self._train_vae(folder / "vae", folder.path)

    def _train_vae(self, vae_dir: Path, run_dir: Path):
        config = self.config
        same = (
            "data", "data_dir", "cache_gib", "crop", "batch_size", "max_steps", "seed",
            "image_size", "precision", "checkpoint_minutes", "checkpoint_steps", "log_every",
            "skip_unreadable", "deterministic", "strategy", "xla",
        )  # fmt: skip
        options = VaeOptions(
            **{name: getattr(config, name) for name in same},
            run_dir=vae_dir, epochs=config.vae_epochs,
        )  # fmt: skip
        print("no --vae-run: a VAE is trained first")
        try:
            train_run(
                f"{NAME}/vae", options, lambda options: VaeTask(options, "anime", self.loaded)
            )
        except Stopped as stop:  # the way on is the same command with its own run folder
            raise Stopped(stop.number, run_dir) from stop

    def watchers(self, scalars, figures: Path):
        """Pictures and the codes' usage in TensorBoard."""
        return [
            EpochSummary(scalars, image_summary("reconstructions", self._grid)),
            EpochSummary(scalars, self._write_usage),
        ]

    def _reconstructed(self, images):
        """Of uint8 images, or float32 in [0, 1]."""
        shown = images[:SHOWN]
        inputs = to_unit_range(shown) if shown.dtype == np.uint8 else shown
        outputs = self.model.reconstruct(inputs)
        return {"input": _figures.levels(inputs), "reconstruction": _figures.levels(outputs)}

    def _grid(self):
        return _figures.rows(*self._reconstructed(self.data.val.images).values())

    def _codes(self):
        return evaluation.in_batches(self.model.encode, self.data.val.images)

    def _write_usage(self, epoch):
        tf.summary.histogram("codes", tf.cast(self._codes(), tf.float32), step=epoch)

    def finish(self, folder: RunDir) -> dict:
        """All figures, pictures and the SavedModel."""
        model, val = self.model, self.data.val
        vae = self.vae or load_vae(folder / "vae", self.config.image_size)
        generated = vae.sample(GENERATED, [self.config.seed, 1]).numpy()
        codes = self._codes()
        self._draw(folder, generated, codes)
        export_vq_vae(model, folder / "saved_model")
        found = self.validate()
        for name, images in (("val", val.images), ("generated", generated)):
            outputs = evaluation.in_batches(model.reconstruct, images)
            errors = evaluation.reconstruction_errors(images, outputs)
            found |= {f"{name}_{measure}": value for measure, value in errors.items()}
        mean_image = evaluation.mean_image_mse(val.images, self.data.train.images)
        usage = evaluation.code_figures(codes, self.config.codes)
        return {
            **self.left_out,
            **found,
            "val_mse_mean_image": mean_image,
            **{f"val_{name}": value for name, value in usage.items()},
            "bits_per_image": float(codes[0].size * np.log2(self.config.codes)),
        }

    def _draw(self, folder, generated, codes):
        figures = folder / "figures"
        self.draw_losses(folder)
        for name, images in (
            ("reconstructions", self.data.val.images),
            ("reconstructions_of_generated", generated),
        ):
            _figures.image_table(figures / f"{name}.png", self._reconstructed(images))
        counts = evaluation.code_counts(codes, self.config.codes)
        _figures.bars(
            figures / "code_usage.png",
            counts / counts.sum(),
            f"{np.count_nonzero(counts)} of {len(counts)} codes in use on the validation images",
            ("codes, by frequency", "share of all positions"),
        )


def load_vae(run: Path, image_size: int):
    """The VAE of a finished run. Raises: UserError if there is none, or of another image size."""
    vae = load_saved_model("vae-run", run, "VAE", ["sample"])
    if hasattr(vae, "class_names"):
        raise UserError(f"--vae-run {run}: a conditional VAE; give a run of a plain one")
    height, width = vae.sample(1, [0, 0]).shape[1:3]
    if (height, width) != (image_size, image_size):
        raise UserError(
            f"--vae-run {run}: makes images of {height} x {width}, but --image-size is {image_size}"
        )
    return vae
