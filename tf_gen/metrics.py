"""What is reported of images, of latents and of codes."""

import keras
import tensorflow as tf


def mse(targets, outputs):
    """Mean squared error of [B, H, W, C] images in [0, 1] -> [B]."""
    return tf.reduce_mean(tf.square(targets - outputs), axis=[1, 2, 3])


def l1(targets, outputs):
    """Mean absolute error of [B, H, W, C] images in [0, 1] -> [B]."""
    return tf.reduce_mean(tf.abs(targets - outputs), axis=[1, 2, 3])


def psnr(targets, outputs):
    """Peak signal-to-noise ratio in dB of images in [0, 1] -> [B]; inf for equal images."""
    return tf.image.psnr(targets, outputs, max_val=1.0)


def ssim(targets, outputs):
    """Structural similarity (Wang et al. 2004: 11 x 11 Gaussian, sigma 1.5) -> [B].

    Images in [0, 1], each side at least 11 pixels.
    """
    return tf.image.ssim(targets, outputs, max_val=1.0)


def image_errors(targets, outputs):
    """All three of images in [-1, 1] (tanh's range), measured in [0, 1]: a dict of [B] each."""
    targets, outputs = targets / 2.0 + 0.5, outputs / 2.0 + 0.5
    return {
        "l1": l1(targets, outputs),
        "psnr": psnr(targets, outputs),
        "ssim": ssim(targets, outputs),
    }


def active_units(means, threshold=0.01):
    """How many latents carry something (Burda et al. 2016, section 5.3).

    Args: means: the posterior means z_mean of many images, [N, D].
    Returns: int32 scalar, the latents whose mean varies by more than ``threshold`` (a variance)
    over the images.
    """
    return tf.math.count_nonzero(tf.math.reduce_variance(means, axis=0) > threshold, dtype=tf.int32)


def mean_pairwise_distance(images):
    """How far apart images are: the mean over all pairs of the root mean squared difference.

    Args: images: [N, ...] in [0, 1], N at least 2. Returns: float32 scalar in [0, 1].
    """
    flat = tf.reshape(tf.cast(images, tf.float32), [len(images), -1])  # [N, P]
    flat -= tf.reduce_mean(flat, axis=0)  # the differences stay, the rounding shrinks
    products = tf.matmul(flat, flat, transpose_b=True)  # [N, N]
    squares = tf.linalg.diag_part(products)
    distances = squares[:, None] + squares[None] - 2.0 * products
    roots = tf.sqrt(tf.maximum(distances, 0.0) / flat.shape[1])
    count = tf.cast(len(images), tf.float32)
    return tf.reduce_sum(tf.linalg.set_diag(roots, tf.zeros_like(squares))) / (
        count * (count - 1.0)
    )


def perplexity(counts):
    """``exp(entropy)`` of how often each code was used: 1 (one code) ... K (all alike).

    Args: counts: [K]. Returns: float32 scalar.
    """
    counts = tf.cast(counts, tf.float32)
    shares = counts / tf.maximum(tf.reduce_sum(counts), 1.0)
    return tf.exp(-tf.reduce_sum(tf.math.xlogy(shares, shares)))


@keras.saving.register_keras_serializable("tf_gen")
class CodePerplexity(keras.metrics.Metric):
    """The perplexity of all codes seen since the last reset, whatever their batches.

    Args: codes: K, the size of the codebook. ``counts`` [K] holds how often each was used.
    """

    def __init__(self, codes, name="perplexity", **kwargs):
        super().__init__(name=name, **kwargs)
        self.codes = codes
        self.counts = self.add_variable((codes,), "zeros", name="counts")

    def update_state(self, codes, sample_weight=None):
        """Count codes, int [...]."""
        counts = tf.math.bincount(tf.reshape(codes, [-1]), minlength=self.codes)
        self.counts.assign_add(tf.cast(counts, self.counts.dtype))

    def result(self):
        return perplexity(self.counts.value)

    def get_config(self):
        return {**super().get_config(), "codes": self.codes}
