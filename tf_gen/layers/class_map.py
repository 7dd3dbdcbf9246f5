"""Pictures of classes, one-hot: what a network reads that is conditioned on a label map."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tf_gen")
class ClassMap(keras.layers.Layer):
    """The class of each pixel, one-hot.

    Args:
        classes: how many.
        colours: (class, (red, green, blue) in 0 ... 255) of each colour that stands for a class, of
            which a pixel takes the nearest; None: a pixel's grey level is its class, 255 for
            instance none.

    Call: images [B, H, W, 3], of classes by level [B, H, W, 1], in [-1, 1]. Returns: one-hot
    [B, H, W, classes]: zeros where the level is no class. It has no gradient.
    """

    def __init__(self, classes, colours=None, **kwargs):
        super().__init__(autocast=False, **kwargs)  # in bfloat16 another colour may be nearer
        self.classes = classes
        self.colours = colours

    def call(self, images):
        levels = (tf.cast(images, tf.float32) + 1.0) * 127.5
        if self.colours is None:
            found = tf.cast(tf.round(levels[..., 0]), tf.int32)
        else:
            found = self._nearest(levels)
        return tf.one_hot(found, self.classes, dtype=self.compute_dtype)

    def _nearest(self, levels):
        kinds, colours = zip(*self.colours, strict=True)
        colours = tf.constant(colours, tf.float32)  # [K, 3]
        # |pixel - colour|^2, but for |pixel|^2
        apart = tf.reduce_sum(colours**2, axis=1) - 2.0 * tf.tensordot(levels, colours, [[3], [1]])
        return tf.gather(tf.constant(kinds), tf.argmin(apart, axis=-1))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.classes)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes, "colours": self.colours}
