"""What the VAE's and the conditional VAE's tasks share."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from experiments.launch import pictures
from experiments.measures.asked import say_left_out
from experiments.measures.autoencoders import labels_of
from experiments.tasks.faces import SHOWN, FaceTask
from experiments.tasks.options import VaeOptions
from experiments.tasks.task import Built, image_summary
from tf_gen.data import ordered_batches
from tf_gen.data.images import to_levels, to_unit_range
from tf_gen.errors import UserError
from tf_gen.evaluation import autoencoders as evaluation
from tf_gen.evaluation.projector import write_projector
from tf_gen.training.callbacks import EpochSummary


class LatentTask(FaceTask):
    """A model with Gaussian latents. A task of its own adds ``about``, ``build``, ``figures`` and

    - ``examples()``: images, and labels if it takes such, to reconstruct;
    - ``generated(sampler="") -> {name: images}``, sampler a key of ``samplers(model)``;
      ``export(folder)``.
    """

    options = VaeOptions
    curves = {"loss": ["loss", "recon_loss"], "KL": ["kl_loss"]}
    progress_logs = ("recon_loss", "kl_loss")

    def compiled(self, model_class, epoch_steps, **own) -> Built:
        """A compiled model with the configuration's options."""
        config = self.config
        return super().compiled(
            model_class,
            epoch_steps,
            image_size=config.image_size,
            latent_dim=config.latent_dim,
            kl_weight=config.kl_weight,
            kl_warmup_steps=config.kl_warmup_steps,
            free_bits=config.free_bits,
            **own,
        )

    def watch(self, scalars, figures: Path):
        """Pictures and KL by latent in TensorBoard."""

        def generated():
            return pictures.rows(*self.generated().values())

        def reconstructions():
            return pictures.rows(*self.reconstructed(*self.examples()).values())

        return [
            *super().watch(scalars, figures),
            EpochSummary(scalars, image_summary("generated", generated)),
            EpochSummary(scalars, image_summary("reconstructions", reconstructions)),
            EpochSummary(scalars, self._write_kl),
        ]

    def prepare_to_measure(self):
        """The model, with Gaussians fitted to its latents of the training images."""
        super().prepare_to_measure()
        train, components = self.data.train, self.config.mixture_components
        batches = ordered_batches(train.images, labels_of(train), evaluation.BATCH)
        try:
            self.model.fit_latents(batches, components, self.config.seed)
        except UserError as error:  # of too few images; the run is none the less whole
            say_left_out("the mixture sampler", "directions", why=error)
        return self.model

    def _latents(self):
        val = self.data.val
        arrays = [x for x in (val.images, labels_of(val)) if x is not None]
        return evaluation.in_batches(self.model.encode, *arrays)

    def _write_kl(self, epoch):
        by_latent = evaluation.kl_by_latent(*self._latents())
        tf.summary.histogram("kl_by_latent", by_latent, step=epoch)

    def leave(self, folder: Path) -> None:
        """All pictures, latents for the projector, the SavedModel."""
        figures, val = folder / "figures", self.data.val
        means, log_vars = self._latents()
        by_latent = evaluation.kl_by_latent(means, log_vars)
        self.draw_losses(folder)
        pictures.image_table(figures / "generated.png", self.generated())
        pictures.image_table(figures / "reconstructions.png", self.reconstructed(*self.examples()))
        pictures.bars(
            figures / "kl_by_latent.png",
            by_latent,
            f"KL by latent on the validation images: {by_latent.sum():.1f} nats in all",
            ("latents, by their share", "nats"),
        )
        self._draw_way(figures, *self.examples())
        if self.model.latent_fit:
            self._draw_directions(figures / "directions.png", *self.examples())
            pictures.image_table(figures / "generated_mixture.png", self.generated("_mixture"))
        write_projector(folder / "logs", means, val.images, val.names)
        self.export(folder / "saved_model")

    def _draw_way(self, figures: Path, images, *labels) -> None:
        """From one face to another, the first half to the second, along a straight line between
        their latents."""
        images, half = to_unit_range(images), len(images) // 2
        if not half:
            return
        ends = [part for given in (images, *labels) for part in (given[:half], given[-half:])]
        rows = self.model.interpolate(*ends, steps=SHOWN)
        between = {f"{i + 1}": to_levels(row) for i, row in enumerate(rows)}
        pictures.image_table(figures / "interpolation.png", between)

    def _draw_directions(self, path: Path, images, *labels) -> None:
        """The first face, moved along each direction from -3 to 3 standard deviations."""
        mean, _ = self.model.encode(*(x[:1] for x in (to_unit_range(images), *labels)))
        steps = np.linspace(-3.0, 3.0, SHOWN - 1, dtype=np.float32)[:, None]
        labels = [np.repeat(x[:1], len(steps)) for x in labels]
        directions = self.model.directions(SHOWN).numpy()
        rows = {
            f"{i + 1}": to_levels(self.model.decode(mean + steps * direction, *labels))
            for i, direction in enumerate(directions)
        }
        pictures.image_table(path, rows)
