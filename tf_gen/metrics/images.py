"""How far images are from what they should be, and from each other.

Images in [0, 1] may be uint8, too: they are divided by 255.
"""

import tensorflow as tf

from tf_gen.data.images import unit_from_tanh

from ._values import image_values

MS_SSIM_SIDE = 176  # five scales, the last of which holds the 11 x 11 window


def mse(targets, outputs):
    """Mean squared error of [B, H, W, C] images in [0, 1] -> [B]."""
    targets, outputs = image_values(targets), image_values(outputs)
    return tf.reduce_mean(tf.square(targets - outputs), axis=[1, 2, 3])


def l1(targets, outputs):
    """Mean absolute error of [B, H, W, C] images in [0, 1] -> [B]."""
    targets, outputs = image_values(targets), image_values(outputs)
    return tf.reduce_mean(tf.abs(targets - outputs), axis=[1, 2, 3])


def psnr(targets, outputs):
    """Peak signal-to-noise ratio in dB of images in [0, 1] -> [B]; inf for equal images."""
    return tf.image.psnr(image_values(targets), image_values(outputs), max_val=1.0)


def ssim(targets, outputs):
    """Structural similarity (Wang et al. 2004: 11 x 11 Gaussian, sigma 1.5) -> [B].

    Images in [0, 1], each side at least 11 pixels.
    """
    return tf.image.ssim(image_values(targets), image_values(outputs), max_val=1.0)


def ms_ssim(targets, outputs):
    """Structural similarity at five scales (Wang et al. 2003) -> [B].

    Images in [0, 1], each side at least 176 pixels. A scale whose correlation is negative counts
    as 0. Raises: ValueError for smaller images.
    """
    if min(outputs.shape[1:3]) < MS_SSIM_SIDE:
        raise ValueError(f"images of {tuple(outputs.shape)} have a side below {MS_SSIM_SIDE}")
    targets, outputs = image_values(targets), image_values(outputs)
    return tf.image.ssim_multiscale(targets, outputs, max_val=1.0)


def image_errors(targets, outputs):
    """L1, PSNR and SSIM of images in [-1, 1] (tanh's range), measured in [0, 1]: a dict of [B]
    each."""
    targets, outputs = (
        unit_from_tanh(image_values(images, -1.0, 1.0)) for images in (targets, outputs)
    )
    return {
        "l1": l1(targets, outputs),
        "psnr": psnr(targets, outputs),
        "ssim": ssim(targets, outputs),
    }


def mean_pairwise_distance(images):
    """How far apart images are: the mean over all pairs of the root mean squared difference.

    Args: images: [N, ...] in [0, 1], N at least 2. Returns: float32 scalar in [0, 1].
    """
    flat = tf.reshape(tf.cast(image_values(images), tf.float32), [len(images), -1])  # [N, P]
    flat -= tf.reduce_mean(flat, axis=0)  # the differences stay, the rounding shrinks
    products = tf.matmul(flat, flat, transpose_b=True)  # [N, N]
    squares = tf.linalg.diag_part(products)
    distances = squares[:, None] + squares[None] - 2.0 * products
    roots = tf.sqrt(tf.maximum(distances, 0.0) / flat.shape[1])
    count = tf.cast(len(images), tf.float32)
    return tf.reduce_sum(tf.linalg.set_diag(roots, tf.zeros_like(squares))) / (
        count * (count - 1.0)
    )
