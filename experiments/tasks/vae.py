"""Training a VAE on one set of faces."""

from pathlib import Path

from experiments.measures.faces import vae_figures
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

    def __init__(self, config, style):
        super().__init__(config, [style])
        self.val_arrays = (self.data.val.images,)
        self.about = self.tell(f"VAE on {style} faces", LINES, self.shown, more=MORE)

    def build(self) -> Built:
        """A compiled VAE."""
        return self.compiled(VAE, name="vae")

    def measure(self, model, asked) -> dict[str, float]:
        """All figures of a VAE."""
        return self.data.left_out | vae_figures(model, self.data, self.config, asked)

    def examples(self):
        """The first validation images."""
        return [self.data.val.images[:SHOWN]]

    def generated(self):
        """Eight new faces (the report)."""
        return {"": to_levels(self.model.sample(SHOWN, self.config.seed))}

    def draw(self, figures: Path) -> None:
        """From one face to another."""
        self.draw_way(figures, *self.examples())

    def export(self, folder: Path) -> None:
        """The SavedModel."""
        export_vae(self.model, folder)
