"""Training a VQ-VAE on faces; what it makes of faces that a VAE generates is drawn and measured."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from experiments.launch import pictures
from experiments.launch.errors import UsageError
from experiments.measures.autoencoders import generated_faces, load_vae, vq_vae_figures
from experiments.measures.codebooks import GRID, codebook_size
from experiments.tasks.faces import SHOWN, FaceTask
from experiments.tasks.options import VqVaeOptions
from experiments.tasks.task import Built, image_summary
from tf_gen import VQVAE
from tf_gen.data.images import to_unit_range
from tf_gen.errors import UserError
from tf_gen.evaluation import autoencoders as evaluation
from tf_gen.export import export_vq_vae
from tf_gen.layers import (
    FiniteScalarQuantizer,
    Quantizer,
    ResidualQuantizer,
    VectorQuantizer,
    VectorQuantizerEMA,
)
from tf_gen.models.vq_vae import START_IMAGES
from tf_gen.training.callbacks import EpochSummary

QUANTIZERS = 4  # of residual, by default
LINES = """codes = model.encode(images)  # int32 [B, h, w]; of N codebooks [B, h, w, N]
again = model.decode(codes)  # or model.reconstruct(images)
"""


def make_quantizer(config: VqVaeOptions, seed: int) -> Quantizer:
    """The layer that the options ask for."""
    if config.codebook == "finite_scalar":
        return FiniteScalarQuantizer(config.levels or GRID, name="quantizer")
    learning = {"start": config.codebook_start, "restart_below": config.restart_below}
    if config.codebook == "residual":
        count = config.quantizers or QUANTIZERS
        books = [VectorQuantizerEMA(config.codes, seed=seed + n, **learning) for n in range(count)]
        return ResidualQuantizer(books, config.estimator, name="quantizer")
    kind = VectorQuantizerEMA if config.codebook == "ema" else VectorQuantizer
    return kind(config.codes, estimator=config.estimator, seed=seed, name="quantizer", **learning)


class VqVaeTask(FaceTask):
    """A VQ-VAE on one set of faces; see ``experiments.tasks.task``."""

    options = VqVaeOptions
    figures = staticmethod(vq_vae_figures)
    progress_logs, best_by = ("recon_loss", "perplexity"), "val_recon_loss"
    curves = {
        "loss": ["loss", "recon_loss"],
        "codebook": ["codebook_loss", "commitment_loss"],
        "perplexity": ["perplexity"],
    }

    def __init__(self, config):
        super().__init__(config, ["anime"])
        self.about = self.tell("VQ-VAE on faces", LINES)

    def build(self, epoch_steps: int) -> Built:
        config = self.config
        if config.vae_run:
            load_vae(config.vae_run, config)  # now, not after hours of training

        def vq_vae(seed, **options):
            return VQVAE(quantizer=make_quantizer(config, seed), **options)

        return self.compiled(
            vq_vae, epoch_steps, code_dim=config.code_dim,
            commitment_weight=config.commitment_weight, name="vq_vae",
        )  # fmt: skip

    def start(self) -> None:
        """Start the codebook."""
        images = self.data.train.images
        chosen = np.random.default_rng(self.config.seed).permutation(len(images))[:START_IMAGES]
        try:
            self.model.start_codebook(to_unit_range(images[chosen]))
        except UserError as error:
            why = f"--codes {self.config.codes}: {error}, or --codebook-start uniform"
            raise UsageError(why) from error

    def watch(self, scalars, figures: Path):
        """Pictures and the codes' usage in TensorBoard."""

        def reconstructions():
            return pictures.rows(*self.reconstructed(self.data.val.images[:SHOWN]).values())

        def write_usage(epoch):
            tf.summary.histogram("codes", tf.cast(self._codes(), tf.float32), step=epoch)

        return [
            *super().watch(scalars, figures),
            EpochSummary(scalars, image_summary("reconstructions", reconstructions)),
            EpochSummary(scalars, write_usage),
        ]

    def _codes(self):
        return evaluation.in_batches(self.model.encode, self.data.val.images)

    def leave(self, folder: Path) -> None:
        """All pictures and the SavedModel."""
        figures, generated = folder / "figures", generated_faces(self.config)
        self.draw_losses(folder)
        given = {"reconstructions": self.data.val.images}
        if generated is not None:
            given["reconstructions_of_generated"] = generated
        for name, images in given.items():
            pictures.image_table(figures / f"{name}.png", self.reconstructed(images[:SHOWN]))
        counts = evaluation.code_counts(self._codes(), codebook_size(self.config))
        counts = counts.ravel()  # of all codebooks
        pictures.bars(
            figures / "code_usage.png",
            counts / counts.sum(),
            f"{np.count_nonzero(counts)} of {len(counts)} codes in use on the validation images",
            ("codes, by frequency", "share of all positions"),
        )
        export_vq_vae(self.model, folder / "saved_model")
