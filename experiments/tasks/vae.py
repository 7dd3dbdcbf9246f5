"""Training a VAE on one set of faces."""

from pathlib import Path

from experiments.measures.autoencoders import samplers, vae_figures
from experiments.tasks.faces import SHOWN
from experiments.tasks.latents import LatentTask
from experiments.tasks.task import Built
from tf_gen import VAE
from tf_gen.data.images import to_levels
from tf_gen.export import export_vae

LINES = """faces = model.sample(8, [0, 1])  # a count and a seed
again = model.reconstruct(faces)
z_mean, z_log_var = model.encode(faces)
faces = model.decode(z_mean)
"""
MORE = """
From this repository: `python -m experiments.sample --model {path} --count 16 --output FOLDER`
"""


class VaeTask(LatentTask):
    """A VAE on faces of a style; see ``experiments.tasks.task``."""

    figures = staticmethod(vae_figures)

    def __init__(self, config, style):
        super().__init__(config, [style])
        self.about = self.tell(f"VAE on {style} faces", LINES, MORE)

    def build(self, epoch_steps: int) -> Built:
        return self.compiled(VAE, epoch_steps, name="vae")

    def examples(self):
        """The first validation images."""
        return [self.data.val.images[:SHOWN]]

    def generated(self, sampler=""):
        """Eight new faces (the report)."""
        return {"": to_levels(samplers(self.model)[sampler](SHOWN, self.config.seed))}

    def export(self, folder: Path) -> None:
        export_vae(self.model, folder)
