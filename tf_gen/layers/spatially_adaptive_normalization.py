"""Normalisation whose scale and shift are read off a map, pixel by pixel (Park et al. 2019)."""

import keras

from .normalization import SpectralNormalization, make_normalization


@keras.saving.register_keras_serializable("tf_gen")
class SpatiallyAdaptiveNormalization(keras.layers.Layer):
    """``gamma(map) * normalised(x) + beta(map)`` (SPADE; the paper's equation 1 and figure 2).

    x is normalised without weights of its own; gamma and beta, one for each place and channel, are
    made of the map by two 3 x 3 convolutions.

    Args:
        normalization: see ``make_normalization``; the paper's is ``"sync_batch"``.
        hidden: channels between the two convolutions.
        factor: how many times larger than x the map is.
        classes: whether the map is one of classes, one-hot: it is then brought to x's size by the
            nearest pixel; else by means.

    Call: ``x`` [B, H, W, C], ``maps`` [B, factor * H, factor * W, M]; training, statistics: see
    ``BatchNorm``. Returns: [B, H, W, C].
    """

    def __init__(
        self, normalization="sync_batch", hidden=128, factor=1, classes=True, **kwargs
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.normalization = normalization
        self.hidden = hidden
        self.factor = factor
        self.classes = classes
        self.norm = make_normalization(normalization, self.dtype_policy, affine=False)
        self.shared = keras.layers.Conv2D(
            hidden, 3, padding="same", activation="relu", dtype=self.dtype_policy, name="shared"
        )

    def build(self, x_shape, maps_shape):
        channels = x_shape[-1]
        if self.norm:
            self.norm.build(x_shape)
        self.shared.build(maps_shape)
        self.modulation = keras.layers.Conv2D(  # both in one, which is faster than two
            2 * channels, 3, padding="same", dtype=self.dtype_policy, name="modulation"
        )
        self.modulation.build((*x_shape[:-1], self.hidden))

    def call(self, x, maps, training=False, statistics=None):
        seen = self.shared(resized(maps, self.factor, self.classes))
        more, beta = keras.ops.split(self.modulation(seen), 2, axis=-1)
        if self.norm:
            x = self.norm(x, training=training, statistics=statistics)
        return (1.0 + more) * x + beta  # gamma lies around 1, so that a new layer passes x on

    def compute_output_shape(self, x_shape, maps_shape):
        return x_shape

    def get_config(self):
        return {
            **super().get_config(),
            "normalization": self.normalization,
            "hidden": self.hidden,
            "factor": self.factor,
            "classes": self.classes,
        }


def resized(maps, factor, classes):
    """[B, factor * H, factor * W, M] -> [B, H, W, M]: the nearest pixels of classes, else means."""
    if factor == 1:
        return maps
    if not classes:
        return keras.ops.average_pool(maps, factor, factor)
    middle = factor // 2  # where TensorFlow, too, finds the nearest
    return maps[:, middle::factor, middle::factor]


@keras.saving.register_keras_serializable("tf_gen")
class SPADEBlock(keras.layers.Layer):
    """``shortcut(x) + f(x)``, f twice SPADE, ReLU and a 3 x 3 convolution (the paper's figure 12).

    Where x has other than ``filters`` channels its shortcut is learned: SPADE and a 1 x 1
    convolution.

    Args: filters: channels that come out; spectral: whether the convolutions' kernels are divided
    by their spectral norm (those within SPADE never are); normalization, hidden, factor, classes:
    of ``SpatiallyAdaptiveNormalization``. Call: as that.
    """

    def __init__(
        self, filters, spectral=True, normalization="sync_batch", hidden=128, factor=1,
        classes=True, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.filters = filters
        self.spectral = spectral
        self.spade = {
            "normalization": normalization, "hidden": hidden, "factor": factor, "classes": classes,
        }  # fmt: skip

    def build(self, x_shape, maps_shape):
        out_shape = (*x_shape[:-1], self.filters)
        self.norms, self.convolutions = [], []
        parts = [("first", x_shape, 3), ("second", out_shape, 3)]
        if x_shape[-1] != self.filters:
            parts.append(("shortcut", x_shape, 1))
        for name, shape, size in parts:
            norm = SpatiallyAdaptiveNormalization(
                **self.spade, dtype=self.dtype_policy, name=f"{name}_spade"
            )
            norm.build(shape, maps_shape)
            convolution = keras.layers.Conv2D(
                self.filters, size, padding="same", use_bias=size > 1, dtype=self.dtype_policy,
                name=f"{name}_convolution",
            )  # fmt: skip
            if self.spectral:
                convolution = SpectralNormalization(convolution)
            convolution.build(shape)
            self.norms.append(norm)
            self.convolutions.append(convolution)

    def call(self, x, maps, training=False, statistics=None):
        spectral = {"training": training} if self.spectral else {}
        parts = zip(self.norms, self.convolutions, strict=True)

        def part(x, activation=keras.ops.relu):
            norm, convolution = next(parts)
            x = activation(norm(x, maps, training=training, statistics=statistics))
            return convolution(x, **spectral)

        y = part(part(x))
        shortcut = part(x, keras.activations.linear) if len(self.norms) > 2 else x
        return shortcut + y

    def compute_output_shape(self, x_shape, maps_shape):
        return (*x_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(), "filters": self.filters, "spectral": self.spectral, **self.spade
        }  # fmt: skip
