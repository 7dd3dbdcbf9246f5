"""A block of the gated PixelCNN: convolutions that see no later place (van den Oord et al. 2016,
Conditional Image Generation with PixelCNN Decoders, figure 2)."""

import keras
import tensorflow as tf

from .noise import ExampleDropout


@keras.saving.register_keras_serializable("tf_gen")
class GatedBlock(keras.layers.Layer):
    """Two stacks over a grid: one goes down, one to the right and takes what the first found.

    ``down`` at a place comes from ``down`` in its row and those above; ``right`` from ``right``
    there and to its left, and from the block's ``down`` there. So if ``down`` goes in shifted by a
    row and ``right`` by a place, neither ever sees its own place or a later one, and no corner is
    blind. Each is gated, ``tanh(a) * sigmoid(b)``, and added to what came in.

    Args:
        kernel: rows and columns (odd) that ``down`` sees; ``right`` sees as many places.
        dropout: of what is added to ``right``, in [0, 1).
        stream: keeps apart the noise of blocks that are given the same seeds.

    Call: ``down`` and ``right``, float [B, h, w, C]; ``training``; ``seed``, int32 [B, 2], of the
    dropout -> the same two.

    ``next_row`` and ``next_place`` compute one of each from what little they need of those before,
    which is how a grid is drawn: place by place, each layer once.
    """

    def __init__(self, kernel=(2, 3), dropout=0.0, stream=0, **kwargs):
        super().__init__(**kwargs)
        self.kernel = tuple(kernel)
        self.dropout = dropout
        self.stream = stream

    def build(self, input_shape):
        width, policy = input_shape[-1], self.dtype_policy
        rows, columns = self.kernel
        self.down_convolution = keras.layers.Conv2D(
            2 * width, (rows, columns), dtype=policy, name="down_convolution"
        )
        self.right_convolution = keras.layers.Conv2D(
            2 * width, (1, rows), dtype=policy, name="right_convolution"
        )
        self.crossing = keras.layers.Dense(2 * width, dtype=policy, name="crossing")
        self.joining = keras.layers.Dense(width, dtype=policy, name="joining")
        self.drop = ExampleDropout(self.dropout, self.stream, dtype=policy, name="drop")
        for layer in (self.down_convolution, self.right_convolution, self.joining, self.drop):
            layer.build((None, None, None, width))
        self.crossing.build((None, None, None, 2 * width))

    def call(self, down, right, training=False, seed=None):
        rows = self.kernel[0]
        down, found = self._down(tf.pad(down, [[0, 0], [rows - 1, 0], [0, 0], [0, 0]]))
        right = tf.pad(right, [[0, 0], [0, 0], [rows - 1, 0], [0, 0]])
        return down, self._right(right, found, active=training, seed=seed)

    def next_row(self, rows):
        """The last of as many rows of ``down`` as the kernel has, [B, rows, w, C] -> (the block's
        there, [B, 1, w, C], what ``next_place`` takes of it, [B, 1, w, 2 C])."""
        return self._down(rows)

    def next_place(self, places, found):
        """The last of as many places of ``right``, [B, 1, rows, C], and what ``next_row`` found
        there, [B, 1, 1, 2 C] -> the block's, [B, 1, 1, C]."""
        return self._right(places, found)

    def _down(self, padded):
        """(The stack that goes down, what the other takes of it), without the rows added above."""
        rows, columns = self.kernel
        side = columns // 2
        found = self.down_convolution(tf.pad(padded, [[0, 0], [0, 0], [side, side], [0, 0]]))
        return padded[:, rows - 1 :] + _gated(found), self.crossing(found)

    def _right(self, padded, found, active=False, seed=None):
        """The stack that goes to the right, without the places added before it."""
        found = self.joining(_gated(self.right_convolution(padded) + found))
        return padded[:, :, self.kernel[0] - 1 :] + self.drop(found, active=active, seed=seed)

    def compute_output_shape(self, down_shape, right_shape):
        return down_shape, right_shape

    def get_config(self):
        return {
            **super().get_config(),
            "kernel": self.kernel,
            "dropout": self.dropout,
            "stream": self.stream,
        }


def _gated(x):
    """[..., 2 C] -> [..., C]."""
    content, gate = tf.split(x, 2, axis=-1)
    return tf.tanh(content) * tf.sigmoid(gate)
