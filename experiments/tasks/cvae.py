"""Training one conditional VAE on several classes of faces."""

from pathlib import Path

import numpy as np

from experiments.launch import pictures
from experiments.launch.errors import UsageError
from experiments.measures.autoencoders import cvae_figures, generated_by_label, samplers
from experiments.tasks.faces import SHOWN
from experiments.tasks.latents import LatentTask
from experiments.tasks.task import Built
from tf_gen import CVAE
from tf_gen.data.images import to_levels
from tf_gen.export import export_cvae

STYLES = ("anime", "cartoon")  # labels 0 and 1 (the report)
LINES = """labels = tf.constant([0, 1])  # of model.class_names()
faces = model.sample(labels, [0, 1])  # labels and a seed
again = model.reconstruct(faces, labels)
z_mean, z_log_var = model.encode(faces, labels)
others = model.decode(z_mean, 1 - labels)
"""
MORE = """
From this repository:
`python -m experiments.sample --model {path} --label 1 --count 16 --output FOLDER`
"""


class CvaeTask(LatentTask):
    """A conditional VAE on classes of faces; see ``experiments.tasks.task``."""

    figures = staticmethod(cvae_figures)

    def __init__(self, config):
        super().__init__(config, STYLES, by_class=True)
        self.names = self.data.train.classes
        self.about = self.tell(f"Conditional VAE on {', '.join(self.names)}", LINES, MORE)

    def measure(self, model, asked) -> dict[str, float]:
        """Raises: UsageError if the data's classes are not those that a SavedModel knows."""
        if hasattr(model, "class_names"):
            known = tuple(name.decode() for name in model.class_names().numpy())
            if known != tuple(self.names):
                raise UsageError(
                    f"--data {self.config.data}: its classes are {', '.join(self.names)}, the "
                    f"model's {', '.join(known)}"
                )
        return super().measure(model, asked)

    def build(self, epoch_steps: int) -> Built:
        return self.compiled(CVAE, epoch_steps, num_classes=len(self.names), name="cvae")

    def examples(self):
        """The first validation images of each class, and their labels, together 8 or more."""
        val, each = self.data.val, -(-SHOWN // len(self.names))
        rows = np.concatenate(
            [np.flatnonzero(val.labels == label)[:each] for label in range(len(self.names))]
        )
        return val.images[rows], val.labels[rows]

    def generated(self, sampler=""):
        """Eight new faces under each label (the report), from other latents each."""
        sample, count = samplers(self.model)[sampler], len(self.names)
        found = generated_by_label(sample, count, self.config.seed, 0, SHOWN)
        return dict(zip(self.names, map(to_levels, found), strict=True))

    def leave(self, folder: Path) -> None:
        """And the same latents under each label."""
        super().leave(folder)
        one_latent = {
            name: to_levels(self.model.sample(np.full(SHOWN, label), self.config.seed))
            for label, name in enumerate(self.names)
        }
        pictures.image_table(folder / "figures" / "one_latent_each_label.png", one_latent)

    def export(self, folder: Path) -> None:
        export_cvae(self.model, folder, self.names)
