"""What is done to images on their way into a network, and to grey levels on their way out."""

import numpy as np
import tensorflow as tf

from tf_gen.errors import UserError

LUMA = (19595, 38470, 7471)  # of 65,536: ITU-R 601-2 (0.299, 0.587, 0.114), as Pillow has it


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


def image_sides(image_size) -> tuple[int, int]:
    """An int, or (height, width), as (height, width). Raises: UserError for anything else."""
    sides = (int(image_size),) * 2 if np.ndim(image_size) == 0 else tuple(map(int, image_size))
    if len(sides) != 2:
        raise UserError(f"image_size {image_size}: must be a number or (height, width)")
    return sides


def with_channels(images, channels: int) -> np.ndarray:
    """Grey, RGB or RGBA, uint8 [..., 1, 3 or 4] -> the same of 1, 3 or 4 channels.

    Transparency is composited on white where it is not kept; grey is the luma (``LUMA``).
    """
    images = np.asarray(images)
    if (there := images.shape[-1]) == channels:
        return images
    if there == 4:
        alpha = images[..., 3:].astype(np.uint16)
        on_white = (images[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
        return with_channels(on_white.astype(np.uint8), channels)
    if channels == 1:
        grey = images.astype(np.uint32) @ np.array(LUMA, np.uint32)
        return (grey + 2**15 >> 16)[..., None].astype(np.uint8)
    images = np.repeat(images, 3, axis=-1) if there == 1 else images
    if channels == 3:
        return images
    return np.concatenate([images, np.full_like(images[..., :1], 255)], axis=-1)


def paired_jitter(inputs, targets, size, seed, part=(0, 1)):
    """The paper's jitter, the same for both sides of a pair (Isola et al. 2017, section 6.2).

    A random crop and a random mirroring. With images of 286 and a size of 256 that is the
    paper's; the resize to 286 was done when the files were read.

    Args: inputs, targets: [B, H, W, C], H and W at least size; size: an int, or (height, width);
        seed: int32 [2]; part: (index, count) where these are one of count equal parts of a batch,
        which all get its jitter.
    Returns: both as [B, height, width, C].
    """
    size = image_sides(size)
    slack = tf.shape(inputs)[1:3] - size  # [2]
    draws = _draws(tf.shape(inputs)[0], 3, seed, part)
    corners = tf.cast(draws[:, :2] * tf.cast(slack + 1, tf.float32), tf.int32)  # [B, 2]

    def crop_and_mirror(example):
        *sides, corner, mirror = (
            example  # apart: to join them by channels would cost more than this
        )
        sides = [tf.slice(side, [corner[0], corner[1], 0], [*size, -1]) for side in sides]
        return tf.cond(
            mirror < 0.5, lambda: [tf.reverse(side, axis=[1]) for side in sides], lambda: sides
        )

    dtypes = [inputs.dtype, targets.dtype]
    sides = tf.map_fn(
        crop_and_mirror, [inputs, targets, corners, draws[:, 2]], fn_output_signature=dtypes
    )
    return [
        tf.ensure_shape(side, [None, *size, of.shape[-1]])
        for side, of in zip(sides, (inputs, targets), strict=True)
    ]


def random_mirror(images, seed, part=(0, 1)):
    """Each image mirrored or not, by chance.

    Args: images: [B, H, W, C]; seed, part: as in ``paired_jitter``.
    """
    draws = _draws(tf.shape(images)[0], 1, seed, part)
    return tf.where(draws[:, :, None, None] < 0.5, tf.reverse(images, axis=[2]), images)


def _draws(count, each, seed, part):
    """``each`` uniform numbers for each of ``count`` examples, which are a part of a batch."""
    index, parts = part
    draws = tf.random.stateless_uniform([parts * count, each], seed, alg="philox")
    return draws[index * count : (index + 1) * count]
