"""What is done to images on their way into a network, and to grey levels on their way out."""

import numpy as np
import tensorflow as tf


def to_tanh_range(images):
    """Grey levels 0 ... 255, of any type -> float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_unit_range(images):
    """Grey levels 0 ... 255, of any type -> float32 in [0, 1]."""
    return tf.cast(images, tf.float32) / 255.0


def unit_from_tanh(images):
    """[-1, 1] -> [0, 1]; tensor to tensor, array to array."""
    return images / 2.0 + 0.5


def tanh_from_unit(images):
    """[0, 1] -> [-1, 1]; tensor to tensor, array to array."""
    return images * 2.0 - 1.0


def to_levels(images) -> np.ndarray:
    """Floats in [0, 1], tensor or array -> the nearest grey levels, NumPy uint8 0 ... 255."""
    return np.rint(np.clip(images, 0.0, 1.0) * 255.0).astype(np.uint8)


def paired_jitter(inputs, targets, size, seed, part=(0, 1)):
    """The paper's jitter, the same for both sides of a pair (Isola et al. 2017, section 6.2).

    A random crop and a random mirroring. With images of 286 and a size of 256 that is the
    paper's; the resize to 286 was done when the files were read.

    Args: inputs, targets: [B, H, W, C], H and W at least size; seed: int32 [2]; part: (index,
        count) where these are one of count equal parts of a batch, which all get its jitter.
    Returns: both as [B, size, size, C].
    """
    slack = tf.shape(inputs)[1:3] - size  # [2]
    (index, parts), count = part, tf.shape(inputs)[0]
    draws = tf.random.stateless_uniform([parts * count, 3], seed, alg="philox")
    draws = draws[index * count : (index + 1) * count]
    corners = tf.cast(draws[:, :2] * tf.cast(slack + 1, tf.float32), tf.int32)  # [B, 2]

    def crop_and_mirror(example):
        *sides, corner, mirror = (
            example  # apart: to join them by channels would cost more than this
        )
        sides = [tf.slice(side, [corner[0], corner[1], 0], [size, size, -1]) for side in sides]
        return tf.cond(
            mirror < 0.5, lambda: [tf.reverse(side, axis=[1]) for side in sides], lambda: sides
        )

    dtypes = [inputs.dtype, targets.dtype]
    sides = tf.map_fn(
        crop_and_mirror, [inputs, targets, corners, draws[:, 2]], fn_output_signature=dtypes
    )
    return [
        tf.ensure_shape(side, [None, size, size, of.shape[-1]])
        for side, of in zip(sides, (inputs, targets), strict=True)
    ]
