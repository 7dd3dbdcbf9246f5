"""Training a SPADE on pairs: another generator, and its discriminators, within pix2pix' task."""

import colorsys

import numpy as np

from experiments.data.maps import load_maps
from experiments.tasks.options import SpadeOptions, spade_halvings
from experiments.tasks.pix2pix import Pix2PixTask
from tf_gen import MultiScaleDiscriminator, SPADEGenerator
from tf_gen.data.pairs import Labels


class SpadeTask(Pix2PixTask):
    """Pairs, networks and figures of one run; see ``experiments.tasks.task``."""

    options = SpadeOptions
    command = "spade_maps"

    def _load(self, config):
        return load_maps(config, Labels(config.classes) if config.classes else None)

    def _check_pairs(self):
        """One pair is enough: nothing shrinks to a pixel."""

    def _visible(self, inputs):
        return label_colours()[inputs[..., 0]] if self.config.classes else super()._visible(inputs)

    def _generator(self, shared):
        config = self.config
        return SPADEGenerator(
            halvings=spade_halvings(config.image_size), spectral=config.spectral,
            input_kind=config.input_kind, classes=config.classes,
            latent_dim=config.latent_dim or None, output_channels=config.output_channels,
            name="generator", **shared,
        )  # fmt: skip

    def _discriminator(self, shared):
        options = {**shared, "normalization": "instance", "spectral": self.config.spectral}
        scales = self.config.discriminator_scales
        return MultiScaleDiscriminator(scales, name="discriminator", **options)


def label_colours() -> np.ndarray:
    """A colour for each class, uint8 [256, 3], of hues far apart; that of none is black."""
    hues = [colorsys.hsv_to_rgb(0.618 * i % 1, 0.7, 0.95 - 0.4 * (i % 2)) for i in range(255)]
    return np.rint(255 * np.array([*hues, (0, 0, 0)])).astype(np.uint8)
