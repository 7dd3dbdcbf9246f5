"""What ``cvae_faces`` does: the part that needs TensorFlow."""

import keras
import numpy as np
import tensorflow as tf

from experiments import _figures
from experiments._faces import FIRST_LINES, GENERATED, LAST_LINES, SHOWN, FaceTask, draw_kl
from experiments._training import dtype_policy, image_summary
from tf_gen import CVAE
from tf_gen.data.images import to_unit_range
from tf_gen.export import export_cvae
from tf_gen.optimizers import FusedAdam
from tf_gen.training import autoencoder_evaluation as evaluation
from tf_gen.training.callbacks import EpochSummary
from tf_gen.training.label_control import class_figures, train_classifier
from tf_gen.training.projector import write_projector
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


class CvaeTask(FaceTask):
    """One conditional VAE on several classes of faces."""

    curves = {"loss": ["loss", "recon_loss"], "KL": ["kl_loss"]}
    shown = ("recon_loss", "kl_loss")

    def __init__(self, config):
        super().__init__(config, STYLES, by_class=True)
        self.names = self.data.train.classes
        self.title = f"Conditional VAE on {', '.join(self.names)}"
        self.loading = LOADING.replace("{size}", str(config.image_size))

    def build(self):
        """(A compiled CVAE, what a checkpoint of it holds)."""
        config = self.config
        keras.utils.set_random_seed(config.seed)
        self.model = self.best = model = CVAE(
            num_classes=len(self.names),
            image_size=config.image_size,
            latent_dim=config.latent_dim,
            normalization=config.normalization,
            pool_last=config.pool_last,
            kl_weight=config.kl_weight,
            kl_warmup_steps=config.kl_warmup_steps,
            seed=config.seed,
            dtype=dtype_policy(config.precision),
            name="cvae",
        )
        model.compile(FusedAdam(config.learning_rate))
        model.optimizer.build(model.trainable_variables)
        return model, {"model": model, "optimizer": model.optimizer}

    def watchers(self, scalars):
        """Pictures and KL by latent in TensorBoard."""
        return [
            EpochSummary(scalars, image_summary("generated", self._generated_grid)),
            EpochSummary(scalars, image_summary("reconstructions", self._reconstructed_grid)),
            EpochSummary(scalars, self._write_kl),
        ]

    def _examples(self):
        """The first validation images of each class, and their labels, together 8 or more."""
        val, each = self.data.val, -(-SHOWN // len(self.names))
        rows = np.concatenate(
            [np.flatnonzero(val.labels == label)[:each] for label in range(len(self.names))]
        )
        return val.images[rows], val.labels[rows]

    def _reconstructed(self):
        images, labels = self._examples()
        outputs = self.model.reconstruct(to_unit_range(images), labels)
        return {"input": images, "reconstruction": _figures.levels(outputs)}

    def _sampled(self, count, seed):
        """name of the class -> ``count`` generated images, float32."""
        seeds = {name: [seed, label] for label, name in enumerate(self.names)}
        return {
            name: self.model.sample(np.full(count, label), seeds[name]).numpy()
            for label, name in enumerate(self.names)
        }

    def _one_latent(self):
        """name of the class -> the images of the same 8 latents under that label."""
        return {  # equal seeds: equal latents
            name: _figures.levels(self.model.sample(np.full(SHOWN, label), self.config.seed))
            for label, name in enumerate(self.names)
        }

    def _reconstructed_grid(self):
        return _figures.grid(*self._reconstructed().values())

    def _generated_grid(self):
        found = self._sampled(SHOWN, self.config.seed)
        return _figures.grid(*(_figures.levels(images) for images in found.values()))

    def _latents(self):
        val = self.data.val
        return evaluation.in_batches(self.model.encode, val.images, val.labels)

    def _write_kl(self, epoch):
        tf.summary.histogram("kl_by_latent", evaluation.kl_by_latent(*self._latents()), step=epoch)

    def finish(self, folder: RunDir) -> dict:
        """All figures, pictures, the SavedModel, and latents for the projector."""
        model, val = self.model, self.data.val
        means, log_vars = self._latents()
        draw_kl(folder, evaluation.kl_by_latent(means, log_vars))
        outputs = evaluation.in_batches(model.reconstruct, val.images, val.labels)
        errors = evaluation.reconstruction_errors(val.images, outputs)
        self._draw(folder)
        export_cvae(model, folder / "saved_model", self.names)
        write_projector(folder / "logs", means, val.images, val.names)
        return {
            **self.validate(),
            **{f"val_{name}": value for name, value in errors.items()},
            "val_mse_mean_image": evaluation.mean_image_mse(val.images, self.data.train.images),
            **evaluation.latent_figures(means),
            **self._label_control(),
        }

    def _label_control(self) -> dict[str, float]:
        train, val, count = self.data.train, self.data.val, len(self.names)
        classifier = train_classifier(train.images, train.labels, count, self.config.seed)
        generated = np.concatenate(list(self._sampled(GENERATED, self.config.seed + 1).values()))
        labels = np.repeat(np.arange(count), GENERATED)
        return class_figures(classifier, val.images, val.labels, generated, labels)

    def _draw(self, folder):
        figures, (images, labels) = folder / "figures", self._examples()
        self.draw_losses(folder)
        sampled = self._sampled(SHOWN, self.config.seed)
        rows = {name: _figures.levels(found) for name, found in sampled.items()}
        _figures.image_table(figures / "generated.png", rows)
        _figures.image_table(figures / "one_latent_each_label.png", self._one_latent())
        _figures.image_table(figures / "reconstructions.png", self._reconstructed())
        images, turned = to_unit_range(images[:4]), to_unit_range(images[::-1][:4])
        rows = self.model.interpolate(images, turned, labels[:4], labels[::-1][:4], steps=SHOWN)
        between = {f"{i + 1}": _figures.levels(row) for i, row in enumerate(rows)}
        _figures.image_table(figures / "interpolation.png", between)
