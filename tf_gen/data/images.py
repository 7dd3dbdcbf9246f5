"""What is done to images on their way into a network: tensor to tensor."""

import tensorflow as tf


def to_tanh_range(images):
    """uint8 grey levels 0 ... 255 -> float32 in [-1, 1]."""
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_unit_range(images):
    """uint8 grey levels 0 ... 255 -> float32 in [0, 1]."""
    return tf.cast(images, tf.float32) / 255.0


def paired_jitter(inputs, targets, size, seed):
    """The paper's jitter, the same for both sides of a pair (Isola et al. 2017, section 6.2).

    A random crop and a random mirroring. With images of 286 and a size of 256 that is the
    paper's; the resize to 286 was done when the files were read.

    Args: inputs, targets: [B, H, W, C], H and W at least size; seed: int32 [2].
    Returns: both as [B, size, size, C].
    """
    both = tf.concat([inputs, targets], axis=-1)
    slack = tf.shape(both)[1:3] - size  # [2]
    draws = tf.random.stateless_uniform([tf.shape(both)[0], 3], seed, alg="philox")
    corners = tf.cast(draws[:, :2] * tf.cast(slack + 1, tf.float32), tf.int32)  # [B, 2]

    def crop_and_mirror(example):
        image, corner, mirror = example
        image = tf.slice(image, [corner[0], corner[1], 0], [size, size, -1])
        return tf.cond(mirror < 0.5, lambda: tf.reverse(image, axis=[1]), lambda: image)

    both = tf.map_fn(crop_and_mirror, (both, corners, draws[:, 2]), fn_output_signature=both.dtype)
    both = tf.ensure_shape(both, [None, size, size, inputs.shape[-1] + targets.shape[-1]])
    return tf.split(both, [inputs.shape[-1], targets.shape[-1]], axis=-1)
