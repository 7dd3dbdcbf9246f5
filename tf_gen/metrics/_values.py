"""What measures are given, checked before it becomes a figure that looks like one."""

import tensorflow as tf

from tf_gen.data.images import to_unit_range
from tf_gen.errors import UserError

ADVICE = {(0.0, 1.0): "divide by 255", (-1.0, 1.0): "divide by 127.5, subtract 1"}


def image_values(images, low=0.0, high=1.0):
    """Images as floats in [low, high]: uint8 are brought there, floats left as they are.

    Raises: UserError for other types and, in eager code, where looking costs little beside the
        measure, for values that are plainly of another range: resizing overshoots by less.
    """
    images = images if hasattr(images, "dtype") else tf.convert_to_tensor(images)
    kind = tf.as_dtype(images.dtype)
    if kind == tf.uint8:
        return to_unit_range(images) * (high - low) + low
    takes = f"the measure takes uint8, or floats in [{low:g}, {high:g}]: {ADVICE[low, high]}"
    if not kind.is_floating:
        raise UserError(f"images are {kind.name}, but {takes}")
    if tf.executing_eagerly():
        least, most = float(tf.reduce_min(images)), float(tf.reduce_max(images))
        slack = (high - low) / 2
        if least < low - slack or most > high + slack:
            raise UserError(f"images ({kind.name}) lie in [{least:.3g}, {most:.3g}], but {takes}")
    return images
