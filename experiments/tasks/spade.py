"""Training a SPADE on pairs: another generator, and its discriminators, within pix2pix' task."""

from experiments.tasks.options import SpadeOptions, spade_halvings
from experiments.tasks.pix2pix import Pix2PixTask
from tf_gen import MultiScaleDiscriminator, SPADEGenerator


class SpadeTask(Pix2PixTask):
    """Pairs, networks and figures of one run; see ``experiments.tasks.task``."""

    options = SpadeOptions
    command = "spade_maps"

    def _check_pairs(self):
        """One pair is enough: nothing shrinks to a pixel."""

    def _generator(self, shared):
        config = self.config
        return SPADEGenerator(
            halvings=spade_halvings(config.image_size), spectral=config.spectral,
            input_kind=config.input_kind, latent_dim=config.latent_dim or None,
            output_channels=config.output_channels, name="generator", **shared,
        )  # fmt: skip

    def _discriminator(self, shared):
        options = {**shared, "normalization": "instance", "spectral": self.config.spectral}
        scales = self.config.discriminator_scales
        return MultiScaleDiscriminator(scales, name="discriminator", **options)
