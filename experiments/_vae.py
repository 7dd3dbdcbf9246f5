"""What ``vae_anime`` and ``vae_cartoon`` do: the part that needs TensorFlow."""

import keras
import tensorflow as tf

from experiments import _figures
from experiments._faces import FIRST_LINES, GENERATED, LAST_LINES, SHOWN, FaceTask, draw_kl
from experiments._training import dtype_policy, image_summary
from tf_gen import VAE
from tf_gen.data.images import to_unit_range
from tf_gen.export import export_vae
from tf_gen.optimizers import FusedAdam
from tf_gen.training import autoencoder_evaluation as evaluation
from tf_gen.training.callbacks import EpochSummary
from tf_gen.training.label_control import spread_figure
from tf_gen.training.projector import write_projector
from tf_gen.training.run_dir import RunDir

LOADING = f"""{FIRST_LINES}faces = model.sample(8, [0, 1])  # a count and a seed
again = model.reconstruct(faces)
z_mean, z_log_var = model.encode(faces)
faces = model.decode(z_mean)
{LAST_LINES}
From this repository: `python -m experiments.sample --model {{path}} --count 16 --output FOLDER`
"""


class VaeTask(FaceTask):
    """A VAE on one set of faces."""

    curves = {"loss": ["loss", "recon_loss"], "KL": ["kl_loss"]}
    shown = ("recon_loss", "kl_loss")

    def __init__(self, config, style, data=None):
        super().__init__(config, [style], data=data)
        self.title = f"VAE on {style} faces"
        self.loading = LOADING.replace("{size}", str(config.image_size))

    def build(self):
        """(A compiled VAE, what a checkpoint of it holds)."""
        config = self.config
        keras.utils.set_random_seed(config.seed)
        self.model = self.best = model = VAE(
            image_size=config.image_size,
            latent_dim=config.latent_dim,
            normalization=config.normalization,
            pool_last=config.pool_last,
            kl_weight=config.kl_weight,
            kl_warmup_steps=config.kl_warmup_steps,
            seed=config.seed,
            dtype=dtype_policy(config.precision),
            name="vae",
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

    def _reconstructed(self):
        images = self.data.val.images[:SHOWN]
        outputs = self.model.reconstruct(to_unit_range(images))
        return {"input": images, "reconstruction": _figures.levels(outputs)}

    def _generated(self):
        return _figures.levels(self.model.sample(SHOWN, self.config.seed))

    def _reconstructed_grid(self):
        return _figures.grid(*self._reconstructed().values())

    def _generated_grid(self):
        return _figures.grid(*self._generated()[:, None])

    def _latents(self):
        return evaluation.in_batches(self.model.encode, self.data.val.images)

    def _write_kl(self, epoch):
        tf.summary.histogram("kl_by_latent", evaluation.kl_by_latent(*self._latents()), step=epoch)

    def finish(self, folder: RunDir) -> dict:
        """All figures, pictures, the SavedModel, and latents for the projector."""
        model, val = self.model, self.data.val
        means, log_vars = self._latents()
        draw_kl(folder, evaluation.kl_by_latent(means, log_vars))
        outputs = evaluation.in_batches(model.reconstruct, val.images)
        errors = evaluation.reconstruction_errors(val.images, outputs)
        generated = model.sample(GENERATED, [self.config.seed, 1]).numpy()
        self._draw(folder)
        export_vae(model, folder / "saved_model")
        write_projector(folder / "logs", means, val.images, val.names)
        return {
            **self.validate(),
            **{f"val_{name}": value for name, value in errors.items()},
            "val_mse_mean_image": evaluation.mean_image_mse(val.images, self.data.train.images),
            **evaluation.latent_figures(means),
            **spread_figure("spread", generated),
            **spread_figure("spread_real", val.images[:GENERATED]),
        }

    def _draw(self, folder):
        figures = folder / "figures"
        self.draw_losses(folder)
        _figures.image_table(figures / "generated.png", {"": self._generated()})
        _figures.image_table(figures / "reconstructions.png", self._reconstructed())
        images = to_unit_range(self.data.val.images[:SHOWN])
        half = len(images) // 2
        if half:
            rows = self.model.interpolate(images[:half], images[half : 2 * half], steps=SHOWN)
            between = {f"{i + 1}": _figures.levels(row) for i, row in enumerate(rows)}
            _figures.image_table(figures / "interpolation.png", between)
