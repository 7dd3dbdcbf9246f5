"""What a trained VAE's latents are like: principal directions, and Gaussians to sample from."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_gen.errors import UserError, check_at_least
from tf_gen.layers import example_normal, example_seeds, example_uniform

from .inputs import first_batch

BATCH = 100


class LatentFit(NamedTuple):
    """Of the encoder's means of many images, D latents each; arrays are float32.

    Attributes:
        directions: [D, D], the principal components of their covariance within the classes, the
            largest first; each as long as the standard deviation along it.
        weights, means, factors: of K Gaussians for each class (K may be 0), [classes, K],
            [classes, K, D] and [classes, K, D, D]; a factor F gives the covariance ``F F^T``.
    """

    directions: np.ndarray
    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    def sample(self, labels, seed=0):
        """Latents, float32 [B, D], for classes int [B]; row i goes by its label, the seed and i."""
        labels = tf.cast(labels, tf.int32)
        count = tf.shape(labels)[0]
        seeds = example_seeds(seed, count)
        ends = tf.gather(np.cumsum(self.weights, axis=1)[:, :-1], labels)  # [B, K - 1]
        chosen = tf.reduce_sum(tf.cast(example_uniform(seeds, 1, stream=1) >= ends, tf.int32), 1)
        noise = example_normal(seeds, [self.means.shape[-1]])
        # of all Gaussians, one of which is taken: a factor for each row would be B matrices
        drawn = self.means + tf.einsum("ckij,bj->bcki", self.factors, noise)
        return tf.gather_nd(drawn, tf.stack([tf.range(count), labels, chosen], axis=1))


def fit_latents(means, labels, classes, components, seed) -> LatentFit:
    """Means float32 [N, D] of classes int [N] -> their ``LatentFit``.

    Raises: UserError if a class has fewer than two images, or fewer than components, or if
    scikit-learn, which fits them, is not installed.
    """
    dim = means.shape[1]
    by_class = [means[labels == label].astype(np.float64) for label in range(classes)]
    for label, rows in enumerate(by_class):
        if len(rows) < max(2, components):
            raise UserError(
                f"fit_latents: {len(rows)} images" + (f" of class {label}" if classes > 1 else "")
                + f" are too few for {components} components, or for a direction"
            )  # fmt: skip
    within = np.concatenate([rows - rows.mean(axis=0) for rows in by_class])
    _, lengths, rows = np.linalg.svd(within / np.sqrt(len(within)), full_matrices=False)
    directions = np.zeros((dim, dim))
    directions[: len(rows)] = rows * lengths[:, None]
    fits = [_mixture(rows, components, seed) for rows in by_class] if components else []
    arrays = [np.stack(x) for x in zip(*fits, strict=True)] or [
        np.zeros((classes, 0, *[dim] * rank)) for rank in range(3)
    ]
    return LatentFit(*(x.astype(np.float32) for x in (directions, *arrays)))


def _mixture(rows, components, seed):
    """(weights [K], means [K, D], factors [K, D, D]) of the mixture fitted to rows [N, D]."""
    if components == 1:
        covariance = np.cov(rows.T, bias=True).reshape([rows.shape[1]] * 2)
        covariance += 1e-6 * np.eye(len(covariance))  # as scikit-learn does: rows may be few
        return np.ones(1), rows.mean(axis=0)[None], np.linalg.cholesky(covariance)[None]
    try:
        from sklearn.mixture import GaussianMixture
    except ImportError as error:
        raise UserError(
            "a mixture of several Gaussians is fitted by scikit-learn, which is not installed; "
            "pip install 'tf_gen[mixture]' brings it, components=1 does without"
        ) from error
    fit = GaussianMixture(components, random_state=seed).fit(rows)
    return fit.weights_, fit.means_, np.linalg.cholesky(fit.covariances_)


class FittedLatents:
    """Beside ``keras.Model``: a VAE that keeps what ``fit_latents`` found of its latents.

    It lies in the ``.keras`` file and in files of weights; ``fit``, which moves the latents,
    forgets it.
    """

    latent_fit: LatentFit | None = None

    def fit_latents(self, x, components=1, seed=0):
        """Find the principal directions of the encoder's means, and fit Gaussians to them.

        Args:
            x: images as ``fit`` takes them, with their labels if the model takes such: arrays, or
                a ``tf.data.Dataset`` of batches.
            components: how many Gaussians, each with a covariance of its own, are fitted to the
                means (of each class), by scikit-learn (the extra ``mixture``); 0: none, for
                ``directions`` alone.
            seed: of the fit.

        Raises: UserError, see ``fit_latents`` of this file, and if the first batch does not suit.
        """
        check_at_least(0, components=components)
        if not isinstance(x, tf.data.Dataset):
            x = tf.data.Dataset.from_tensor_slices(x).batch(BATCH)
        if batch := first_batch(x):
            self.check_batch(batch)
        found = [self._means_and_labels(batch) for batch in x]
        if not found:
            raise UserError("fit_latents: no images")
        means, labels = (np.concatenate(parts) for parts in zip(*found, strict=True))
        classes = getattr(self, "num_classes", 1)
        self.latent_fit = fit_latents(means, labels, classes, components, seed)

    def directions(self, count=8):
        """The latents' first principal directions, float32 [count, D], the largest first.

        Each is as long as the standard deviation along it, so that ``decode(z + 2 * direction)``
        shows something rare but seen. Raises: UserError before ``fit_latents``.
        """
        return tf.constant(self._fitted().directions)[:count]

    def _draw_latents(self, labels, seed):
        fitted = self._fitted()
        if not fitted.weights.size:
            raise UserError("fit_latents was called with components=0: there is nothing to sample")
        return fitted.sample(labels, seed)

    def _fitted(self):
        if self.latent_fit is None:
            raise UserError("call fit_latents with the training images first")
        return self.latent_fit

    def before_training(self, batch):
        self.latent_fit = None
        super().before_training(batch)

    # The model's own part of a file of weights, where Keras keeps nothing: layers have the weights
    def save_own_variables(self, store):
        for name, value in (self.latent_fit._asdict() if self.latent_fit else {}).items():
            store[name] = value

    def load_own_variables(self, store):
        self.latent_fit = None  # of what other weights made of images
        if all(name in store for name in LatentFit._fields):
            self.latent_fit = LatentFit(
                *(np.asarray(store[n], np.float32) for n in LatentFit._fields)
            )
