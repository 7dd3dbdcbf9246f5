"""Training one conditional VAE on several classes of faces."""

from pathlib import Path

import numpy as np

from experiments.launch import figures as pictures
from experiments.measures.faces import cvae_figures, generated_by_label
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

    def __init__(self, config):
        super().__init__(config, STYLES, by_class=True)
        self.val_arrays = (self.data.val.images, self.data.val.labels)
        self.names = self.data.train.classes
        title = f"Conditional VAE on {', '.join(self.names)}"
        self.about = self.tell(title, LINES, self.shown, more=MORE)

    def build(self) -> Built:
        """A compiled CVAE."""
        return self.compiled(CVAE, num_classes=len(self.names), name="cvae")

    def measure(self, model, asked) -> dict[str, float]:
        """All figures of a conditional VAE."""
        return self.data.left_out | cvae_figures(model, self.data, self.config, asked)

    def examples(self):
        """The first validation images of each class, and their labels, together 8 or more."""
        val, each = self.data.val, -(-SHOWN // len(self.names))
        rows = np.concatenate(
            [np.flatnonzero(val.labels == label)[:each] for label in range(len(self.names))]
        )
        return val.images[rows], val.labels[rows]

    def generated(self):
        """Eight new faces under each label (the report), from other latents each."""
        found = generated_by_label(self.model, len(self.names), self.config.seed, 0, SHOWN)
        return dict(zip(self.names, map(to_levels, found), strict=True))

    def draw(self, figures: Path) -> None:
        """The same latents under each label, and the way from one face to another."""
        one_latent = {
            name: to_levels(self.model.sample(np.full(SHOWN, label), self.config.seed))
            for label, name in enumerate(self.names)
        }
        pictures.image_table(figures / "one_latent_each_label.png", one_latent)
        self.draw_way(figures, *self.examples())

    def export(self, folder: Path) -> None:
        """The SavedModel."""
        export_cvae(self.model, folder, self.names)
