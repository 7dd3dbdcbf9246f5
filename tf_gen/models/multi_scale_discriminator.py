"""Several discriminators, each of which sees the images at half the size of the one before."""

import keras

from tf_gen.errors import check_at_least

from .patch_discriminator import PatchDiscriminator


@keras.saving.register_keras_serializable("tf_gen")
class MultiScaleDiscriminator(keras.Model):
    """``PatchDiscriminator``s at several scales (Wang et al. 2018, section 3.2).

    The first sees the images as they are, each other one their 3 x 3 means at every second place,
    so that it judges patches twice as large. They share no weights.

    Args:
        scales: how many.
        filters, receptive_field, conditional, normalization, spectral: of each, see
            ``PatchDiscriminator``.

    Call: as ``PatchDiscriminator``; a list of each one's logits, with ``features`` (a list of
    logits, a list of lists of features).
    """

    def __init__(
        self,
        scales=2,
        filters=64,
        receptive_field=70,
        conditional=True,
        normalization="batch",
        spectral=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_at_least(1, scales=scales)
        self.scales = scales
        self.filters = filters
        self.receptive_field = receptive_field
        self.conditional = conditional
        self.normalization = normalization
        self.spectral = spectral
        self.discriminators = [
            PatchDiscriminator(
                filters, receptive_field, conditional, normalization, spectral,
                dtype=self.dtype_policy, name=f"scale_{i + 1}",
            ) for i in range(scales)
        ]  # fmt: skip
        self.halve = keras.layers.AveragePooling2D(
            3, strides=2, padding="same", dtype=self.dtype_policy, name="halve"
        )

    def build(self, input_shape):
        shapes = input_shape
        for discriminator in self.discriminators:
            discriminator.build(shapes)
            if self.conditional:
                shapes = [self.halve.compute_output_shape(shape) for shape in shapes]
            else:
                shapes = self.halve.compute_output_shape(shapes)

    def call(self, images, training=False, statistics=None, features=False):
        options = {"training": training, "statistics": statistics, "features": features}
        found = []
        for i, discriminator in enumerate(self.discriminators):
            if i:
                images = [self.halve(x) for x in images] if self.conditional else self.halve(images)
            found.append(discriminator(images, **options))
        return tuple(map(list, zip(*found, strict=True))) if features else found

    def functional(self, height=256, width=256, input_channels=3, channels=3):
        """The same layers as a Keras functional model: for ``summary()`` and diagrams."""
        images = keras.Input((height, width, channels), name="target_image")
        if self.conditional:
            images = [keras.Input((height, width, input_channels), name="input_image"), images]
        if not self.built:  # else its layers would be, and it not
            self.build([tuple(x.shape) for x in images] if self.conditional else images.shape)
        return keras.Model(images, self.call(images), name=self.name)

    def get_config(self):
        return {
            **super().get_config(),
            "scales": self.scales,
            "filters": self.filters,
            "receptive_field": self.receptive_field,
            "conditional": self.conditional,
            "normalization": self.normalization,
            "spectral": self.spectral,
        }
