"""An autoencoder run's figures from its SavedModel."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from experiments.tasks.faces import load_data
from experiments.tasks.latents import GENERATED
from tf_gen import losses, metrics
from tf_gen.evaluation import autoencoders as evaluation
from tf_gen.evaluation.label_control import class_figures, spread_figure, train_classifier

STYLES = {
    "vae_anime": ["anime"], "vq_vae_faces": ["anime"], "vq_vae_faces/vae": ["anime"],
    "vae_cartoon": ["cartoon"], "cvae_faces": ["anime", "cartoon"],
}  # fmt: skip


def vae_figures(config, model, options, distances) -> dict:
    """ELBO, reconstruction, latents and generated images of a VAE."""
    chosen, data = _faces(config, options)
    generated = model.sample(GENERATED, [options.seed, 1]).numpy()
    return {
        **_latent_figures(config, model, data, (chosen.images,), options.kl_weight),
        **spread_figure("spread", generated),
        **spread_figure("spread_real", chosen.images[:GENERATED]),
        **_generated_distances(
            distances,
            chosen.images,
            lambda count, part: model.sample(count, [config.seed, 1 + part]),
        ),
    }


def cvae_figures(config, model, options, distances) -> dict:
    """The same of a conditional VAE, and whether its label controls the class."""
    chosen, data = _faces(config, options, by_class=True)
    names = [name.decode() for name in model.class_names().numpy()]
    generated = np.concatenate(
        [
            model.sample(np.full(GENERATED, k, np.int32), [options.seed, len(names) + k]).numpy()
            for k in range(len(names))
        ]
    )
    labels = np.repeat(np.arange(len(names)), GENERATED)
    train = data.train
    classifier = train_classifier(train.images, train.labels, len(names), options.seed)

    def sample(count, part):
        labels = tf.constant(np.resize(np.arange(len(names), dtype=np.int32), count))
        return model.sample(labels, [config.seed, 1 + part])

    arrays = (chosen.images, chosen.labels)
    return {
        **_latent_figures(config, model, data, arrays, options.kl_weight),
        **class_figures(classifier, chosen.images, chosen.labels, generated, labels),
        **_generated_distances(distances, chosen.images, sample),
    }


def vq_vae_figures(config, model, options, distances) -> dict:
    """Reconstruction and codes of a VQ-VAE, FID of its reconstructions, and what it makes of images
    that the run's VAE generates, if that is still there."""
    chosen, data = _faces(config, options)
    outputs = evaluation.in_batches(model.reconstruct, chosen.images)
    codes = evaluation.in_batches(model.encode, chosen.images)
    found = _named("val", evaluation.reconstruction_errors(chosen.images, outputs))
    found["val_recon_loss"] = found["val_mse"]
    found["val_mse_mean_image"] = evaluation.mean_image_mse(chosen.images, data.train.images)
    found |= _named("val", evaluation.code_figures(codes, options.codes))
    vae = Path(options.vae_run or options.run_dir / "vae") / "saved_model"
    if vae.is_dir():
        vae = tf.saved_model.load(str(vae))  # a name: its variables live as long as it does
        images = vae.sample(GENERATED, [options.seed, 1]).numpy()
        again = evaluation.in_batches(model.reconstruct, images)
        found |= _named("generated", evaluation.reconstruction_errors(images, again))
    else:
        print(f"left out: reconstructions of generated images ({vae} is no longer there)")
    return found | distances(chosen.images, outputs)


def _faces(config, options, by_class=False):
    """(The split that is asked for, both)."""
    data = load_data(options, STYLES[options.experiment], by_class).data
    return getattr(data, config.split), data


def _latent_figures(config, model, data, arrays, kl_weight):
    images = arrays[0]
    means, log_vars = evaluation.in_batches(model.encode, *arrays)
    outputs = evaluation.in_batches(model.reconstruct, *arrays)
    noise = tf.random.stateless_normal(means.shape, [config.seed, 0]).numpy()
    latents = means + np.exp(log_vars / 2.0) * noise
    drawn = evaluation.in_batches(model.decode, latents, *arrays[1:])
    recon_loss = float(np.mean(evaluation.in_batches(_cross_entropy, images, drawn)))
    kl_loss = float(evaluation.kl_by_latent(means, log_vars).sum())
    return {
        "val_loss": recon_loss + kl_weight * kl_loss,
        "val_recon_loss": recon_loss,
        "val_kl_loss": kl_loss,
        **_named("val", evaluation.reconstruction_errors(images, outputs)),
        "val_mse_mean_image": evaluation.mean_image_mse(images, data.train.images),
        **evaluation.latent_figures(means),
        "mutual_information": metrics.mutual_information(means, log_vars, config.seed),
        "mutual_information_at_most": float(np.log(len(means))),
    }


def _cross_entropy(images, outputs):
    """``binary_cross_entropy`` of probabilities: [B]."""
    outputs = tf.clip_by_value(outputs, 1e-7, 1.0 - 1e-7)
    return losses.binary_cross_entropy(images, tf.math.log(outputs) - tf.math.log1p(-outputs))


def _generated_distances(distances, real, sample):
    """Of as many generated images as there are real ones."""
    if distances.network is None:
        return {}
    batch = evaluation.BATCH
    parts = [
        sample(min(batch, len(real) - first), first).numpy() for first in range(0, len(real), batch)
    ]
    return distances(real, np.concatenate(parts))


def _named(prefix, found):
    return {f"{prefix}_{name}": value for name, value in found.items()}
