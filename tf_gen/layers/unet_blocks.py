"""The two blocks that the report's tables count as one row each (R2.2)."""

import keras

from .convolutions import DoublingConv2D, HalvingConv2D, ResizeConv2D
from .noise import ExampleDropout
from .normalization import SpectralNormalization, make_normalization


def weights_initializer():
    """N(0, 0.02), as in the paper (Isola et al. 2017, appendix 6.2); the report is silent."""
    return keras.initializers.RandomNormal(0.0, 0.02)


class _Block(keras.layers.Layer):
    """A ``convolution`` of stride 2, then a ``norm`` or None: both made by the subclass."""

    def build(self, input_shape):
        self.convolution.build(input_shape)
        if self.norm:
            self.norm.build(self.compute_output_shape(input_shape))

    def compute_output_shape(self, input_shape):
        return self.convolution.compute_output_shape(input_shape)


@keras.saving.register_keras_serializable("tf_gen")
class DownBlock(_Block):
    """Halves height and width: 4 x 4 convolution of stride 2, normalisation, leaky ReLU (0.2).

    Args: normalization: see ``make_normalization``; spectral: whether the convolution's weights
    are divided by their spectral norm, see ``SpectralNormalization``.
    """

    def __init__(self, filters, normalization="batch", spectral=False, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.normalization = normalization
        self.spectral = spectral
        self.convolution = HalvingConv2D(
            filters, use_bias=False, kernel_initializer=weights_initializer(),
            dtype=self.dtype_policy, name="convolution",
        )  # fmt: skip
        if spectral:
            self.convolution = SpectralNormalization(self.convolution)
        self.norm = make_normalization(normalization, self.dtype_policy)
        self.activation = keras.layers.LeakyReLU(0.2, dtype=self.dtype_policy)

    def call(self, x, training=False, statistics=None):
        spectral = {"training": training} if self.spectral else {}
        x = self.convolution(x, **spectral)  # [B, H/2, W/2, filters]
        if self.norm:
            x = self.norm(x, training=training, statistics=statistics)
        return self.activation(x)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "normalization": self.normalization,
            "spectral": self.spectral,
        }


@keras.saving.register_keras_serializable("tf_gen")
class UpBlock(_Block):
    """Doubles height and width: convolution, normalisation, dropout, ReLU.

    Args: upsampling: ``"transposed"`` (a transposed convolution of 4 x 4) or ``"resize"``
    (``ResizeConv2D``); normalization: see ``make_normalization``; dropout, noise_stream: see
    ``ExampleDropout``.
    """

    def __init__(
        self, filters, normalization="batch", dropout=0.0, noise_stream=0, upsampling="transposed",
        **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.filters = filters
        self.normalization = normalization
        self.dropout = dropout
        self.noise_stream = noise_stream
        self.upsampling = upsampling
        options = {
            "kernel_initializer": weights_initializer(), "dtype": self.dtype_policy,
            "name": "convolution",
        }  # fmt: skip
        self.convolution = (
            ResizeConv2D(filters, use_bias=False, **options)
            if upsampling == "resize"
            else DoublingConv2D(filters, **options)
        )
        self.norm = make_normalization(normalization, self.dtype_policy)
        self.noise = None
        if dropout:
            self.noise = ExampleDropout(
                dropout, noise_stream, dtype=self.dtype_policy, name="dropout"
            )
        self.activation = keras.layers.ReLU(dtype=self.dtype_policy)

    def call(self, x, training=False, dropout=False, statistics=None, seed=None):
        x = self.convolution(x)  # [B, 2H, 2W, filters]
        if self.norm:
            x = self.norm(x, training=training, statistics=statistics)
        if self.noise:
            x = self.noise(x, active=dropout, seed=seed)
        return self.activation(x)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "noise_stream": self.noise_stream,
            "upsampling": self.upsampling,
        }
