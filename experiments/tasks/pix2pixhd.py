"""Training pix2pixHD on crops of pairs, to be used on whole images (Wang et al. 2018)."""

import dataclasses

from experiments.data.maps import load_maps
from experiments.tasks.options import Pix2PixHDOptions, hd_factor, hd_load_sides
from experiments.tasks.pix2pix import Pix2PixTask
from tf_gen import GlobalGenerator, LocalEnhancer, MultiScaleDiscriminator, load
from tf_gen.evaluation.pix2pix import of_any_size
from tf_gen.training.checkpoints import read_networks


class Pix2PixHDTask(Pix2PixTask):
    """Pairs, networks and figures of one run; what it validates on and measures is whole."""

    options = Pix2PixHDOptions
    command = "pix2pixhd_maps"

    def _load(self, config):
        return load_maps(config, sides=hd_load_sides(config))

    @property
    def served_sides(self):
        """Those of whole images, which fit."""
        factor = hd_factor(self.config)
        return tuple(side + -side % factor for side in hd_load_sides(self.config))

    def _check_pairs(self):
        """One pair is enough: nothing shrinks to a pixel."""

    def build(self, epoch_steps):
        built = super().build(epoch_steps)
        self.translator = of_any_size(self.translator)
        self.reader = self.reader and _reader_of_any_size(self.reader)
        return built

    def _generator(self, shared):
        edges = self.config.edges and self.config.direction == "map_to_aerial"
        own = {name: getattr(self.config, name) for name in ("output_channels", "upsampling")}
        shared = {"name": "generator", "edges": edges, **own, **shared}
        if self.config.stage == "global":
            return GlobalGenerator(**{**shared, "filters": 2 * self.config.filters})
        return LocalEnhancer(train_global=self.config.stage == "all", **shared)

    def _discriminator(self, shared):
        shared = {**shared, "filters": 2 * self.config.filters}
        if self.config.spectral:
            shared |= {"normalization": "none", "spectral": True}
        scales = self.config.discriminator_scales
        return MultiScaleDiscriminator(scales, name="discriminator", **shared)

    def start(self) -> None:
        """Read another run's networks; of a run of the global generator alone, that."""
        start = self.config.init_from
        source = load(start) if start and self.config.stage != "global" else None
        if not isinstance(source, GlobalGenerator):
            return super().start()
        self._copy(source, self.model.generator.global_generator)
        read_networks(start / "checkpoints", discriminator=self.model.discriminator)

    def measure(self, model, asked) -> dict[str, float]:
        if asked.reader:
            asked = dataclasses.replace(asked, reader=_reader_of_any_size(asked.reader))
        return super().measure(of_any_size(model), asked)


def _reader_of_any_size(reader):
    able = of_any_size(reader)
    able.epochs = reader.epochs
    return able
