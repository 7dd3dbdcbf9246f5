"""What ``cvae_faces`` does: the part that needs TensorFlow."""

import numpy as np

from experiments.launch import figures as _figures
from experiments.tasks.faces import FIRST_LINES, LAST_LINES, SHOWN
from experiments.tasks.latents import GENERATED, LatentTask
from tf_gen import CVAE
from tf_gen.data.images import to_unit_range
from tf_gen.evaluation.label_control import class_figures, train_classifier
from tf_gen.export import export_cvae
from tf_gen.training.run_dir import RunDir

STYLES = ("anime", "cartoon")  # labels 0 and 1 (the report)
LOADING = f"""{FIRST_LINES}labels = tf.constant([0, 1])  # of model.class_names()
faces = model.sample(labels, [0, 1])  # labels and a seed
again = model.reconstruct(faces, labels)
z_mean, z_log_var = model.encode(faces, labels)
others = model.decode(z_mean, 1 - labels)
{LAST_LINES}
From this repository:
`python -m experiments.sample --model {{path}} --label 1 --count 16 --output FOLDER`
"""


class CvaeTask(LatentTask):
    """One conditional VAE on several classes of faces."""

    def __init__(self, config):
        super().__init__(config, STYLES, by_class=True)
        self.val_arrays = (self.data.val.images, self.data.val.labels)
        self.names = self.data.train.classes
        self.title = f"Conditional VAE on {', '.join(self.names)}"
        self.loading = LOADING.replace("{size}", str(config.image_size))

    def build(self):
        """(A compiled CVAE, what a checkpoint of it holds)."""
        return self.compiled(CVAE, num_classes=len(self.names), name="cvae")

    def examples(self):
        """The first validation images of each class, and their labels, together 8 or more."""
        val, each = self.data.val, -(-SHOWN // len(self.names))
        rows = np.concatenate(
            [np.flatnonzero(val.labels == label)[:each] for label in range(len(self.names))]
        )
        return val.images[rows], val.labels[rows]

    def generated(self):
        """Eight new faces under each label (the report), from other latents each."""
        return {name: _figures.levels(x) for name, x in self._sampled(SHOWN, 0).items()}

    def _sampled(self, count, draw):
        """name of the class -> float32 [count, H, W, 3]; ``draw`` tells one set from another."""
        seed, classes = self.config.seed, len(self.names)
        return {
            name: self.model.sample(np.full(count, label), [seed, draw * classes + label]).numpy()
            for label, name in enumerate(self.names)
        }

    def draw(self, folder: RunDir) -> None:
        """The same latents under each label, and the way from one face to another."""
        one_latent = {
            name: _figures.levels(self.model.sample(np.full(SHOWN, label), self.config.seed))
            for label, name in enumerate(self.names)
        }
        _figures.image_table(folder / "figures" / "one_latent_each_label.png", one_latent)
        images, labels = self.examples()
        images, half = to_unit_range(images), len(images) // 2
        ends = images[:half], images[-half:], labels[:half], labels[-half:]
        rows = self.model.interpolate(*ends, steps=SHOWN)
        between = {f"{i + 1}": _figures.levels(row) for i, row in enumerate(rows)}
        _figures.image_table(folder / "figures" / "interpolation.png", between)

    def export(self, folder: RunDir) -> None:
        """The SavedModel."""
        export_cvae(self.model, folder / "saved_model", self.names)

    def own_figures(self) -> dict[str, float]:
        """Label control and spread."""
        train, val, count = self.data.train, self.data.val, len(self.names)
        classifier = train_classifier(train.images, train.labels, count, self.config.seed)
        generated = np.concatenate(list(self._sampled(GENERATED, 1).values()))
        labels = np.repeat(np.arange(count), GENERATED)
        return class_figures(classifier, val.images, val.labels, generated, labels)
