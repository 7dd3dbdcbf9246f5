"""What a residual generator is made of: mirrored edges, and blocks that add to what they are given
(He et al. 2016; Johnson et al. 2016)."""

import keras

from .noise import ExampleDropout
from .normalization import make_normalization
from .unet_blocks import weights_initializer


@keras.saving.register_keras_serializable("tf_gen")
class ReflectionPadding2D(keras.layers.Layer):
    """Mirrors the edges of [B, H, W, C] by so many pixels, the outermost not repeated.

    Args: padding: in pixels, on each side; less than H and W.
    """

    def __init__(self, padding=1, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, x):
        both = (self.padding, self.padding)
        return keras.ops.pad(x, ((0, 0), both, both, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        grown = (None if side is None else side + 2 * self.padding for side in (height, width))
        return (batch, *grown, channels)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable("tf_gen")
class ConvNorm(keras.layers.Layer):
    """A convolution, normalisation and, if asked for, ReLU.

    Args:
        filters, kernel_size, strides: of the convolution; with stride 1 edges are mirrored, else
            filled with zeros.
        upsampling: None; or how height and width are doubled: ``"transposed"`` (a transposed
            convolution) or ``"resize"`` (each pixel repeated before the convolution: Odena et al.
            2016, against checkerboards).
        normalization: see ``make_normalization``; activate: whether ReLU follows.
    """

    def __init__(
        self, filters, kernel_size=3, strides=1, upsampling=None, normalization="instance",
        activate=True, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.upsampling = upsampling
        self.normalization = normalization
        self.activate = activate
        options = {
            "use_bias": normalization == "none", "kernel_initializer": weights_initializer(),
            "dtype": self.dtype_policy, "name": "convolution",
        }  # fmt: skip
        mirrored = strides == 1 and upsampling != "transposed"
        before = []
        if upsampling == "resize":
            before.append(keras.layers.UpSampling2D(2, dtype=self.dtype_policy, name="repeat"))
        if mirrored:
            before.append(ReflectionPadding2D(kernel_size // 2, dtype=self.dtype_policy))
        self.convolution = (
            keras.layers.Conv2DTranspose(filters, kernel_size, 2, padding="same", **options)
            if upsampling == "transposed"
            else keras.layers.Conv2D(
                filters, kernel_size, strides, padding="valid" if mirrored else "same", **options
            )
        )
        self.before = before
        self.norm = make_normalization(normalization, self.dtype_policy)

    def build(self, input_shape):
        for layer in [*self.before, self.convolution]:
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)
        if self.norm:
            self.norm.build(input_shape)

    def call(self, x, training=False, statistics=None):
        for layer in [*self.before, self.convolution]:
            x = layer(x)
        if self.norm:
            x = self.norm(x, training=training, statistics=statistics)
        return keras.ops.relu(x) if self.activate else x

    def compute_output_shape(self, input_shape):
        for layer in [*self.before, self.convolution]:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "upsampling": self.upsampling,
            "normalization": self.normalization,
            "activate": self.activate,
        }


@keras.saving.register_keras_serializable("tf_gen")
class ResidualBlock(keras.layers.Layer):
    """``x + f(x)``, f two 3 x 3 convolutions with normalisation, dropout between them.

    Args: filters: as many as x has; normalization: see ``make_normalization``; dropout,
    noise_stream: see ``ExampleDropout``.
    """

    def __init__(self, filters, normalization="instance", dropout=0.0, noise_stream=0, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.normalization = normalization
        self.dropout = dropout
        self.noise_stream = noise_stream
        shared = {"normalization": normalization, "dtype": self.dtype_policy}
        self.first = ConvNorm(filters, name="first", **shared)
        self.second = ConvNorm(filters, activate=False, name="second", **shared)
        self.noise = None
        if dropout:
            self.noise = ExampleDropout(
                dropout, noise_stream, dtype=self.dtype_policy, name="noise"
            )

    def build(self, input_shape):
        self.first.build(input_shape)
        self.second.build(input_shape)

    def call(self, x, training=False, dropout=False, statistics=None, seed=None):
        y = self.first(x, training=training, statistics=statistics)
        if self.noise:
            y = self.noise(y, active=dropout, seed=seed)
        return x + self.second(y, training=training, statistics=statistics)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "noise_stream": self.noise_stream,
        }
