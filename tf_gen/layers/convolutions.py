"""Convolutions of 4 x 4 and stride 2, fast where images have shrunk to a few pixels.

There a convolution's time goes into bringing its weights (512 x 512 x 16 of them in pix2pix'
deepest layers) into the order that the kernels for large images want. As one matrix product, which
takes them as they lie, such a layer is faster (docs/performance.md).
"""

import keras
import tensorflow as tf

UPSAMPLING = ("transposed", "resize")  # how the generators double height and width

# The longest side of an input, in pixels, that is worth it.
SMALL_TO_HALVE = 8
SMALL_TO_DOUBLE = 16


class _Stride2:
    """The options that both share: what remains is Keras' own."""

    def __init__(self, filters, **kwargs):
        super().__init__(filters, kernel_size=4, strides=2, padding="same", **kwargs)
        if self.data_format != "channels_last":
            raise ValueError(f"data_format={self.data_format!r}: the channels come last here")

    def get_config(self):
        fixed = ("kernel_size", "strides", "padding")
        return {key: value for key, value in super().get_config().items() if key not in fixed}


@keras.saving.register_keras_serializable("tf_gen")
class HalvingConv2D(_Stride2, keras.layers.Conv2D):
    """``Conv2D`` of 4 x 4, stride 2, "same": [B, 2H, 2W, C] -> [B, H, W, filters]."""

    def convolution_op(self, inputs, kernel):
        height, width = inputs.shape[1:3]
        small = _is_small(height, width, SMALL_TO_HALVE) and not (height % 2 or width % 2)
        if not small or self.groups > 1:
            return super().convolution_op(inputs, kernel)
        # Blocks of 2 x 2 pixels; each patch is 2 x 2 of those, brought into the kernel's order.
        padded = tf.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]])
        blocks = tf.nn.space_to_depth(padded, 2)  # [B, H + 1, W + 1, 4 C]
        height, width, channels = height // 2, width // 2, inputs.shape[-1]
        seen = [
            tf.concat([_crop(blocks, row, column, height, width) for column in (0, 1)], -1)
            for row in (0, 1)
        ]
        # [pixels, row of blocks, column of blocks, row, column and channels]
        seen = [tf.reshape(row, [-1, 2, 2, 2 * channels]) for row in seen]
        patches = tf.transpose(tf.stack(seen, 1), [0, 1, 3, 2, 4])
        patches = tf.reshape(patches, [-1, 16 * channels])
        outputs = patches @ tf.reshape(kernel, [-1, self.filters])
        return tf.reshape(outputs, [-1, height, width, self.filters])


@keras.saving.register_keras_serializable("tf_gen")
class DoublingConv2D(_Stride2, keras.layers.Conv2DTranspose):
    """``Conv2DTranspose`` of 4 x 4, stride 2, "same", without a bias:
    [B, H, W, C] -> [B, 2H, 2W, filters]."""

    def __init__(self, filters, **kwargs):
        super().__init__(filters, use_bias=False, **kwargs)
        if self.output_padding is not None:
            raise ValueError(f"output_padding={self.output_padding}: the output is twice the input")

    def get_config(self):
        config = super().get_config()
        del config["use_bias"]
        return config

    def call(self, inputs):
        if not _is_small(*inputs.shape[1:3], SMALL_TO_DOUBLE):
            return super().call(inputs)
        return self.activation(_doubled(inputs, tf.convert_to_tensor(self.kernel)))


@keras.saving.register_keras_serializable("tf_gen")
class ResizeConv2D(_Stride2, keras.layers.Conv2DTranspose):
    """Each pixel repeated to 2 x 2, then a 3 x 3 convolution, "same":
    [B, H, W, C] -> [B, 2H, 2W, filters] (Odena et al. 2016, against the checkerboards of transposed
    convolutions).

    Computed as the transposed 4 x 4 convolution that it equals, whose weights are sums of these: 4
    products for each value instead of 9. Weights: as those of a transposed convolution,
    [3, 3, filters, C], so mirrored as against a convolution's.
    """

    def build(self, input_shape):
        self.kernel_size = (3, 3)
        super().build(input_shape)

    def call(self, inputs):
        kernel = tf.convert_to_tensor(self.kernel)
        for axis in range(2):  # a repeated pixel meets two neighbouring weights
            after, before = ([[0, 0]] * axis + [pad] for pad in ([0, 1], [1, 0]))
            rest = [[0, 0]] * (3 - axis)
            kernel = tf.pad(kernel, after + rest) + tf.pad(kernel, before + rest)
        if _is_small(*inputs.shape[1:3], SMALL_TO_DOUBLE):
            outputs = _doubled(inputs, kernel)
        else:
            outputs = keras.ops.conv_transpose(inputs, kernel, strides=2, padding="same")
        return self.activation(outputs + self.bias if self.use_bias else outputs)


def _doubled(inputs, kernel):
    """The transposed convolution, [4, 4, filters, C], as one matrix product."""
    height, width, channels = inputs.shape[1:]
    filters = kernel.shape[2]
    kernel = tf.reshape(kernel, [-1, channels])
    patches = tf.matmul(tf.reshape(inputs, [-1, channels]), kernel, transpose_b=True)
    # Each pixel's patch is 2 x 2 blocks of 2 x 2: a block of all pixels tiles an image, and the
    # four images lie over each other, two rows or columns apart. (Unstacked, not sliced: the
    # gradient of each slice would fill an array with zeros.)
    # [pixels, row of blocks, row, column of blocks, column and filters]
    patches = tf.reshape(patches, [-1, 2, 2, 2, 2 * filters])
    total = 0.0
    for row, half in enumerate(tf.unstack(patches, axis=1)):
        for column, block in enumerate(tf.unstack(half, axis=2)):
            block = tf.reshape(block, [-1, height, width, 4 * filters])
            image = tf.nn.depth_to_space(block, 2)
            down, right = [2 * row, 2 - 2 * row], [2 * column, 2 - 2 * column]
            total += tf.pad(image, [[0, 0], down, right, [0, 0]])
    return _crop(total, 1, 1, 2 * height, 2 * width)


def _crop(images, top, left, height, width):
    # Not images[:, top:...]: the gradient of a strided slice takes up to eight times as long.
    return tf.slice(images, [0, top, left, 0], [-1, height, width, -1])


def _is_small(height, width, longest):
    return height is not None and width is not None and max(height, width) <= longest
