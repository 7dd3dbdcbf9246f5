"""What the VAE's and the conditional VAE's tasks share."""

from pathlib import Path

import tensorflow as tf

from experiments.launch import figures as _figures
from experiments.runs.train_run import image_summary
from experiments.tasks.faces import FaceTask
from tf_gen.data.images import to_unit_range
from tf_gen.evaluation import autoencoders as evaluation
from tf_gen.evaluation.projector import write_projector
from tf_gen.training.callbacks import EpochSummary
from tf_gen.training.run_dir import RunDir

GENERATED = 400  # images, of each class, that a mean is taken over


class LatentTask(FaceTask):
    """A model with Gaussian latents. A task of its own adds

    - ``build()``, with ``compiled``; ``val_arrays``: what the model encodes;
    - ``examples()``: a row of val_arrays to reconstruct; ``generated() -> {name: images}``;
    - ``draw(folder)``, ``export(folder)``, ``own_figures() -> dict``.
    """

    curves = {"loss": ["loss", "recon_loss"], "KL": ["kl_loss"]}
    shown = ("recon_loss", "kl_loss")

    def compiled(self, model_class, **own):
        """(A compiled model with the configuration's options, what a checkpoint of it holds)."""
        config = self.config
        return super().compiled(
            model_class,
            image_size=config.image_size,
            latent_dim=config.latent_dim,
            kl_weight=config.kl_weight,
            kl_warmup_steps=config.kl_warmup_steps,
            **own,
        )

    def watchers(self, scalars, figures: Path):
        """Pictures and KL by latent in TensorBoard."""
        return [
            EpochSummary(scalars, image_summary("generated", self._generated_grid)),
            EpochSummary(scalars, image_summary("reconstructions", self._reconstructed_grid)),
            EpochSummary(scalars, self._write_kl),
        ]

    def _generated_grid(self):
        return _figures.rows(*self.generated().values())

    def _reconstructed_grid(self):
        return _figures.rows(*self._reconstructed().values())

    def _reconstructed(self):
        images, *labels = self.examples()
        outputs = self.model.reconstruct(to_unit_range(images), *labels)
        return {"input": images, "reconstruction": _figures.levels(outputs)}

    def _latents(self):
        return evaluation.in_batches(self.model.encode, *self.val_arrays)

    def _write_kl(self, epoch):
        tf.summary.histogram("kl_by_latent", evaluation.kl_by_latent(*self._latents()), step=epoch)

    def finish(self, folder: RunDir) -> dict:
        """All figures, pictures, the SavedModel, and latents for the projector."""
        val, figures = self.data.val, folder / "figures"
        means, log_vars = self._latents()
        outputs = evaluation.in_batches(self.model.reconstruct, *self.val_arrays)
        errors = evaluation.reconstruction_errors(val.images, outputs)
        by_latent = evaluation.kl_by_latent(means, log_vars)
        self.draw_losses(folder)
        _figures.image_table(figures / "generated.png", self.generated())
        _figures.image_table(figures / "reconstructions.png", self._reconstructed())
        _figures.bars(
            figures / "kl_by_latent.png",
            by_latent,
            f"KL by latent on the validation images: {by_latent.sum():.1f} nats in all",
            ("latents, by their share", "nats"),
        )
        self.draw(folder)
        self.export(folder)
        write_projector(folder / "logs", means, val.images, val.names)
        return {
            **self.left_out,
            **self.validate(),
            **{f"val_{name}": value for name, value in errors.items()},
            "val_mse_mean_image": evaluation.mean_image_mse(val.images, self.data.train.images),
            **evaluation.latent_figures(means),
            **self.own_figures(),
        }
