"""Edges between the classes of a street map, beside the map: one channel more."""

import keras
import tensorflow as tf

from tf_gen.errors import UserError
from tf_gen.metrics import map_classes


@keras.saving.register_keras_serializable("tf_gen")
class ClassEdges(keras.layers.Layer):
    """[B, H, W, 3] in [-1, 1] -> [B, H, W, 4]: 1 where one of the four neighbours is of another
    class (``tf_gen.metrics.map_classes``), else 0.

    In the place of the edges between objects of pix2pixHD (Wang et al. 2018, section 3.3), which a
    street map does not tell apart. No gradient goes through them.
    """

    def __init__(self, **kwargs):
        # float32: in bfloat16 a colour may come to lie nearer to that of another class
        super().__init__(**{**kwargs, "dtype": "float32"})

    def build(self, input_shape):
        if input_shape[-1] != 3:
            raise UserError(
                f"edges=True: classes are told by colours, so the images must be RGB, not of "
                f"{input_shape[-1]} channels; leave edges out"
            )

    def call(self, images):
        classes = map_classes(tf.clip_by_value(images / 2.0 + 0.5, 0.0, 1.0))  # [B, H, W]
        return tf.concat([images, class_edges(classes)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)


def class_edges(classes):
    """int [B, H, W] -> float32 [B, H, W, 1], 1 where one of the four neighbours is another."""
    below = tf.cast(classes[:, 1:] != classes[:, :-1], tf.float32)  # [B, H - 1, W]
    right = tf.cast(classes[:, :, 1:] != classes[:, :, :-1], tf.float32)  # [B, H, W - 1]
    return tf.reduce_max(
        [
            tf.pad(below, [[0, 0], [0, 1], [0, 0]]),
            tf.pad(below, [[0, 0], [1, 0], [0, 0]]),
            tf.pad(right, [[0, 0], [0, 0], [0, 1]]),
            tf.pad(right, [[0, 0], [0, 0], [1, 0]]),
        ],
        axis=0,
    )[..., None]
