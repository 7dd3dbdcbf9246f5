"""An autoencoder's figures on images, uint8 [N, H, W, C].

A *model* has the methods of ``VAE``, ``CVAE`` or ``VQVAE`` (``encode``, ``decode``,
``reconstruct``): one of these, or its SavedModel.
"""

import functools
import math

import numpy as np
import tensorflow as tf

from tf_gen import losses, metrics
from tf_gen.data.images import to_unit_range
from tf_gen.layers import example_normal, example_seeds

BATCH = 100
SAMPLES, BOUNDED = 64, 200  # of the importance-weighted bound: draws of z, images


def in_batches(function, *arrays, batch=BATCH):
    """A compiled ``function`` of the arrays' rows, 100 at a time; its outputs joined, as numpy.

    uint8 arrays are images and reach it as float32 in [0, 1].
    """
    specs = [tf.TensorSpec([None, *array.shape[1:]], array.dtype) for array in arrays]

    @tf.function(input_signature=specs)
    def compiled(*rows):
        return function(*(to_unit_range(x) if x.dtype == tf.uint8 else x for x in rows))

    compiled = compiled.get_concrete_function()  # else TensorFlow warns of a new one every epoch
    parts = [
        compiled(*(tf.constant(array[first : first + batch]) for array in arrays))
        for first in range(0, len(arrays[0]), batch)
    ]
    return tf.nest.map_structure(lambda *values: tf.concat(values, 0).numpy(), *parts)


def reconstruction_errors(images, outputs) -> dict[str, float]:
    """``mse`` and, from 11 pixels a side, ``ssim``, of each image and averaged.

    Args: images: uint8 [N, H, W, C]; outputs: float32, the same shape, in [0, 1].
    """

    def errors(images, outputs):
        found = {"mse": metrics.mse(images, outputs)}
        if min(images.shape[1:3]) >= 11:  # the width of SSIM's window
            found["ssim"] = metrics.ssim(images, outputs)
        return found

    found = in_batches(errors, images, outputs)
    return {name: float(np.mean(values)) for name, values in found.items()}


def mean_image_mse(images, training_images) -> float:
    """What the training images' mean, a trivial answer, gets."""
    mean = to_unit_range(np.mean(training_images, axis=0, dtype=np.float64)).numpy()
    return reconstruction_errors(images, np.broadcast_to(mean, images.shape))["mse"]


def elbo_terms(
    model, posteriors, images, *labels, batch, kl_weight=1.0, seed=0
) -> dict[str, float]:
    """``loss``, ``recon_loss`` and ``kl_loss`` of a VAE or, with labels int32 [N], a CVAE: what
    its own ``evaluate`` gives in batches of that size, from ``encode`` and ``decode`` alone.

    Args: posteriors: what ``encode`` makes of the images, [N, D] each; seed: the model's; an
        image's noise goes by its place in its batch.
    """
    means, log_vars = posteriors
    noise = example_normal(example_seeds(seed, batch, step=-1), means.shape[1:]).numpy()
    latents = means + np.exp(log_vars / 2.0) * noise[np.arange(len(images)) % batch]
    outputs = in_batches(model.decode, latents, *labels)
    recon = float(np.mean(in_batches(_cross_entropy, images, outputs)))
    kl = float(kl_by_latent(means, log_vars).sum())
    return {"loss": recon + kl_weight * kl, "recon_loss": recon, "kl_loss": kl}


def importance_weighted_figures(
    model, posteriors, images, *labels, samples=SAMPLES, seed=0
) -> dict[str, float]:
    """Negative lower bounds of ``log P(X)`` in nats an image, averaged over the first 200 (each
    takes ``samples`` decodings): ``nll_iw64`` by that many draws of z, ``nll_iw1`` by one, which is
    the ELBO; and ``bits_per_dim``, the first by pixel and channel.

    Args: as ``elbo_terms``.
    """
    images, *given = (x[:BOUNDED] for x in (images, *posteriors, *labels))

    def bound(draws, images, means, log_vars, *labels):
        count = tf.shape(means)[0]
        return losses.importance_weighted_bound(
            lambda z: -_cross_entropy(images, model.decode(z, *labels)),
            lambda i: means
            + tf.exp(log_vars / 2.0)
            * example_normal(example_seeds(seed, count, i), means.shape[1:]),
            means, log_vars, draws,
        )  # fmt: skip

    one, many = (
        -float(np.mean(in_batches(functools.partial(bound, draws), images, *given)))
        for draws in (1, samples)
    )
    bits = many / images[0].size / math.log(2.0)
    return {"nll_iw1": one, f"nll_iw{samples}": many, "bits_per_dim": bits}


def _cross_entropy(images, outputs):
    """``binary_cross_entropy`` of probabilities: [B]."""
    outputs = tf.clip_by_value(outputs, 1e-7, 1.0 - 1e-7)
    return losses.binary_cross_entropy(images, tf.math.log(outputs) - tf.math.log1p(-outputs))


def kl_by_latent(means, log_vars) -> np.ndarray:
    """The KL term of each latent in nats, averaged over images: [N, D] each -> [D]."""
    return tf.reduce_mean(losses.gaussian_kl(means, log_vars, axis=()), axis=0).numpy()


def latent_figures(means, log_vars, seed=0) -> dict[str, float]:
    """Of posteriors [N, D]: ``active_units`` (Burda et al. 2016), and ``mutual_information`` in
    nats (Hoffman and Johnson 2016) where it is below log N: there it would say only that each image
    has latents of its own. {} of a single image, whose latents do not vary."""
    if len(means) < 2:
        return {}
    found = {"active_units": float(metrics.active_units(means))}
    information = metrics.mutual_information(means, log_vars, seed)
    if information < np.log(len(means)) - 0.01:
        found["mutual_information"] = information
    return found


def code_counts(codes, size) -> np.ndarray:
    """How often each of ``size`` codes occurs in int [B, h, w]: int [size]; in [B, h, w, N], of N
    quantisers: int [N, size]."""
    if codes.ndim == 4:
        return np.stack([code_counts(codes[..., n], size) for n in range(codes.shape[-1])])
    return np.bincount(codes.ravel(), minlength=size)


def code_figures(codes, size) -> dict[str, float]:
    """Over all codes at once: ``perplexity``, and ``codes_used``, the share that occurs.

    Of codes [B, h, w, N] these are means over the N quantisers, whose own are ``perplexity_1`` ...
    and ``codes_used_1`` ...
    """
    counts = code_counts(codes, size)
    if counts.ndim == 1:
        return {
            "perplexity": float(metrics.perplexity(counts)),
            "codes_used": float(np.mean(counts > 0)),
        }
    by_quantizer = [code_figures(codes[..., n], size) for n in range(len(counts))]
    return {
        name: float(np.mean([figures[name] for figures in by_quantizer]))
        for name in by_quantizer[0]
    } | {
        f"{name}_{n}": value
        for n, figures in enumerate(by_quantizer, 1)
        for name, value in figures.items()
    }
