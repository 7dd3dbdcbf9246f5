"""pix2pix' discriminator, which judges patches (the report, discriminator summary of R2.2)."""

import keras

from tf_gen.errors import UserError, check_choice, check_policy
from tf_gen.layers import (
    BatchNorm,
    DownBlock,
    InstanceNorm,
    SpectralNormalization,
    make_normalization,
    weights_initializer,
)

# receptive field in pixels -> number of halvings (Isola et al. 2017, appendix 6.1.2)
RECEPTIVE_FIELDS = {1: 0, 16: 1, 70: 3, 286: 5}


@keras.saving.register_keras_serializable("tf_gen")
class PatchDiscriminator(keras.Model):
    """One logit for each patch: is it real? Called as ``discriminator([inputs, images])``.

    Args:
        filters: width of the first block; widths grow to 8 times that.
        receptive_field: 70 (the report's table), or the paper's 1, 16, 286, in pixels.
        conditional: whether it sees the condition beside the image; if not, it is called as
            ``discriminator(images)`` (the report's drawing of a plain GAN).
        normalization: ``"batch"``, ``"sync_batch"``, ``"instance"`` or ``"none"``.
        spectral: whether each convolution's weights are divided by their spectral norm, see
            ``tf_gen.layers.SpectralNormalization``; usually with normalization ``"none"``.

    Call:
        [inputs, images]: both [B, H, W, C] in [-1, 1]; or images alone when unconditional.
        training, statistics: see ``tf_gen.layers.BatchNorm``.
        features: whether to return (logits, features), too: what each layer gives after its
            activation but for the last, a list of [B, h, w, filters], to be matched
            (``tf_gen.losses.feature_matching``).
        Returns: float32 logits [B, h, w, 1]; 30 x 30 for 256 x 256 at 70 pixels.
        Raises: UserError for images too small for the receptive field.
    """

    def __init__(
        self,
        filters=64,
        receptive_field=70,
        conditional=True,
        normalization="batch",
        spectral=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_policy(self.dtype_policy)
        check_choice("receptive_field", receptive_field, RECEPTIVE_FIELDS)
        self.filters = filters
        self.receptive_field = receptive_field
        self.conditional = conditional
        self.normalization = normalization
        self.spectral = spectral

        halvings = RECEPTIVE_FIELDS[receptive_field]
        self.join = None
        if conditional:
            self.join = keras.layers.Concatenate(dtype=self.dtype_policy, name="concatenate")
        self.stack = (
            self._patch_layers(halvings) if halvings else self._pixel_layers()
        )  # the layers in order, but the last
        self.logits = self._convolution(1, 4 if halvings else 1, use_bias=True, name="logits")

    def _patch_layers(self, halvings):
        widths = [self.filters * min(2**i, 8) for i in range(halvings + 1)]
        downs = [
            DownBlock(
                width,
                self.normalization if i else "none",
                self.spectral,
                dtype=self.dtype_policy,
                name=f"down_{i + 1}",
            )
            for i, width in enumerate(widths[:-1])
        ]
        return [
            *downs,
            keras.layers.ZeroPadding2D(dtype=self.dtype_policy, name="zero_padding_1"),
            self._convolution(widths[-1], 4, use_bias=self.normalization == "none"),
            *self._normalization_layers(),
            keras.layers.LeakyReLU(0.2, dtype=self.dtype_policy, name="leaky_relu"),
            keras.layers.ZeroPadding2D(dtype=self.dtype_policy, name="zero_padding_2"),
        ]

    def _pixel_layers(self):
        return [
            self._convolution(self.filters, 1, use_bias=True, name="convolution_1"),
            keras.layers.LeakyReLU(0.2, dtype=self.dtype_policy, name="leaky_relu_1"),
            self._convolution(2 * self.filters, 1, use_bias=self.normalization == "none"),
            *self._normalization_layers(),
            keras.layers.LeakyReLU(0.2, dtype=self.dtype_policy, name="leaky_relu"),
        ]

    def _normalization_layers(self):
        norm = make_normalization(self.normalization, self.dtype_policy)
        return [] if norm is None else [norm]

    def _convolution(self, filters, size, use_bias, name="convolution"):
        layer = keras.layers.Conv2D(
            filters, size, use_bias=use_bias, kernel_initializer=weights_initializer(),
            dtype=self.dtype_policy, name=name,
        )  # fmt: skip
        return SpectralNormalization(layer) if self.spectral else layer

    def build(self, input_shape):
        shape = input_shape
        if self.conditional:
            inputs, images = input_shape
            shape = (*images[:-1], inputs[-1] + images[-1])
        self._check_size(shape)
        for layer in [*self.stack, self.logits]:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def _check_size(self, shape):
        # halved so many times, then each of two 4 x 4 convolutions takes one row more than padded
        smallest = 3 * 2 ** RECEPTIVE_FIELDS[self.receptive_field]
        if any(side is not None and side < smallest for side in shape[1:3]):
            raise UserError(
                f"a discriminator with a receptive field of {self.receptive_field} pixels needs "
                f"images of at least {smallest} x {smallest}, got {shape[1]} x {shape[2]}; "
                "choose a smaller receptive field or larger images"
            )

    def call(self, images, training=False, statistics=None, features=False):
        x = self.join(images) if self.conditional else images  # [B, H, W, 6] or [B, H, W, 3]
        seen = []
        for layer in self.stack:
            if isinstance(layer, (DownBlock, BatchNorm, InstanceNorm)):
                x = layer(x, training=training, statistics=statistics)
            elif isinstance(layer, SpectralNormalization):
                x = layer(x, training=training)
            else:
                x = layer(x)
            if isinstance(layer, (DownBlock, keras.layers.LeakyReLU)):
                seen.append(x)
        spectral = {"training": training} if self.spectral else {}
        logits = keras.ops.cast(self.logits(x, **spectral), "float32")
        return (logits, seen) if features else logits

    def functional(self, height=256, width=256, input_channels=3, channels=3):
        """The same layers as a Keras functional model: for ``summary()`` and diagrams."""
        images = keras.Input((height, width, channels), name="target_image")
        if self.conditional:
            images = [keras.Input((height, width, input_channels), name="input_image"), images]
        if not self.built:  # else its layers would be, and it not
            shapes = [tuple(one.shape) for one in images] if self.conditional else images.shape
            self.build(shapes)
        return keras.Model(images, self.call(images), name=self.name)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "receptive_field": self.receptive_field,
            "conditional": self.conditional,
            "normalization": self.normalization,
            "spectral": self.spectral,
        }
