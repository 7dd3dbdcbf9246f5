"""What ``vae_anime`` and ``vae_cartoon`` do: the part that needs TensorFlow."""

from experiments.launch import figures as _figures
from experiments.tasks.faces import FIRST_LINES, LAST_LINES, SHOWN
from experiments.tasks.latents import GENERATED, LatentTask
from tf_gen import VAE
from tf_gen.data.images import to_unit_range
from tf_gen.evaluation.label_control import spread_figure
from tf_gen.export import export_vae
from tf_gen.training.run_dir import RunDir

LOADING = f"""{FIRST_LINES}faces = model.sample(8, [0, 1])  # a count and a seed
again = model.reconstruct(faces)
z_mean, z_log_var = model.encode(faces)
faces = model.decode(z_mean)
{LAST_LINES}
From this repository: `python -m experiments.sample --model {{path}} --count 16 --output FOLDER`
"""


class VaeTask(LatentTask):
    """A VAE on one set of faces."""

    def __init__(self, config, style, loaded=None):
        super().__init__(config, [style], loaded=loaded)
        self.val_arrays = (self.data.val.images,)
        self.title = f"VAE on {style} faces"
        self.loading = LOADING.replace("{size}", str(config.image_size))

    def build(self):
        """(A compiled VAE, what a checkpoint of it holds)."""
        return self.compiled(VAE, name="vae")

    def examples(self):
        """The first validation images."""
        return [self.data.val.images[:SHOWN]]

    def generated(self):
        """Eight new faces (the report)."""
        return {"": _figures.levels(self.model.sample(SHOWN, self.config.seed))}

    def draw(self, folder: RunDir) -> None:
        """From one face to another, along a straight line between their latents."""
        (images,) = self.examples()
        images, half = to_unit_range(images), len(images) // 2
        if half:
            rows = self.model.interpolate(images[:half], images[half : 2 * half], steps=SHOWN)
            between = {f"{i + 1}": _figures.levels(row) for i, row in enumerate(rows)}
            _figures.image_table(folder / "figures" / "interpolation.png", between)

    def export(self, folder: RunDir) -> None:
        """The SavedModel."""
        export_vae(self.model, folder / "saved_model")

    def own_figures(self) -> dict[str, float]:
        """How far apart generated faces are, and real ones."""
        generated = self.model.sample(GENERATED, [self.config.seed, 1]).numpy()
        return {
            **spread_figure("spread", generated),
            **spread_figure("spread_real", self.data.val.images[:GENERATED]),
        }
