"""What is reported of images: each function gives one float32 value for each image."""

import tensorflow as tf


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
