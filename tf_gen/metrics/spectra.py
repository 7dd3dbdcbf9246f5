"""How images agree by frequency."""

import numpy as np
import tensorflow as tf

from ._values import image_values


def band_power(images, low, high=1.0):
    """The mean square of what is in images [B, H, W, C] of frequencies from ``low`` on and below
    ``high``, in cycles a pixel (at most 0.71, along the diagonal) -> [B].

    Over all bands it adds up to the images' mean square, by Parseval's theorem; of a difference of
    images it is their squared error within the band. Example: what varies within fewer than eight
    pixels is ``band_power(images, 1 / 8)``.
    """
    levels = getattr(images, "dtype", None) in (np.uint8, tf.uint8)
    images = image_values(images) if levels else image_values(images, -1.0, 1.0)  # a difference
    images = tf.cast(images, tf.float32)
    height, width = images.shape[1:3]
    planes = tf.cast(tf.transpose(images, [0, 3, 1, 2]), tf.complex64)
    power = tf.square(tf.abs(tf.signal.fft2d(planes))) / (height * width) ** 2  # [B, C, H, W]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    band = ((frequency >= low) & (frequency < high)).astype(np.float32)
    return tf.reduce_sum(tf.reduce_mean(power, axis=1) * band, axis=[1, 2])
