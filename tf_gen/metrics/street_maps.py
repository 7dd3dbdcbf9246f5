"""Readability of street maps: what a map's few colours say, and how far two maps agree on it.

The measure behind the report's claims on streets, rivers and green areas (R2.2), in the manner of
the paper's FCN score (Isola et al. 2017, section 4.1, on another set).
"""

import numpy as np
import tensorflow as tf

from ._values import image_values
from .codes import code_counts

MAP_CLASSES = ("ground", "street", "motorway", "water", "green")  # ground: buildings, too
NUMBER = len(MAP_CLASSES)

# (class, colour in 0 ... 255), read off the published maps (Google Maps, about 2016) and, where
# they have others, the drawn city; several shades of ground keep buildings and beaches from being
# streets.
COLOURS = (
    ("ground", (234, 230, 222)),
    ("ground", (242, 240, 233)),  # buildings
    ("ground", (222, 218, 210)),
    ("ground", (236, 220, 188)),  # sand
    ("street", (255, 255, 255)),
    ("street", (255, 225, 120)),  # main roads of the drawn city
    ("motorway", (251, 157, 36)),
    ("water", (179, 209, 255)),
    ("water", (163, 200, 250)),
    ("green", (203, 222, 173)),
    ("green", (183, 214, 158)),
)


def map_classes(images):
    """The class of each pixel, by the nearest of the map's colours.

    Args: images: [..., 3], float in [0, 1] or uint8.
    Returns: int32 [...], indices of ``MAP_CLASSES``.
    """
    colours = tf.constant([colour for _, colour in COLOURS], tf.float32)  # [K, 3]
    classes = tf.constant([MAP_CLASSES.index(name) for name, _ in COLOURS])
    pixels = tf.cast(image_values(images), tf.float32) * 255.0
    # |pixel - colour|^2, but for |pixel|^2: [..., K], and no [..., K, 3] on the way
    distances = tf.reduce_sum(tf.square(colours), axis=-1)
    distances -= 2.0 * tf.tensordot(pixels, colours, [[-1], [1]])
    return tf.gather(classes, tf.argmin(distances, axis=-1))


def class_counts(truth, found, classes=NUMBER):
    """How often each true class was found as each: int64 [classes, classes]; sums over batches add
    up.

    Args: truth, found: int [...], of one shape.
    """
    pairs = tf.cast(truth, tf.int64) * classes + tf.cast(found, tf.int64)
    return tf.reshape(code_counts(pairs, classes**2), [classes, classes])


def class_overlap(counts) -> tuple[np.ndarray, np.ndarray]:
    """(Intersection over union, recall) of each class, float64 [classes] each, over all pixels.

    nan for a class that the truth does not show (and, for the first, that was not found either).
    Args: counts: of ``class_counts``.
    """
    counts = np.asarray(counts, np.float64)
    hits, shown, found = np.diag(counts), counts.sum(1), counts.sum(0)
    with np.errstate(invalid="ignore"):  # 0 / 0 is nan, as promised
        return hits / (shown + found - hits), hits / shown
