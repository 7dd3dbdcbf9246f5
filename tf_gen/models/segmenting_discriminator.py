"""OASIS' discriminator, which names the class of each pixel, or fake (Sushko et al. 2021)."""

import keras

from tf_gen.errors import UserError, check_at_least, check_choice, check_policy
from tf_gen.layers import ClassMap, SpectralNormalization
from tf_gen.metrics.street_maps import COLOURS, MAP_CLASSES, NUMBER

LABEL_KINDS = ("colours", "classes")
SHRINKS, GROWS = "shrinks", "grows"


@keras.saving.register_keras_serializable("tf_gen")
class _SegmentingBlock(keras.layers.Layer):
    """``shortcut(x) + f(x)`` at half or twice the size, f twice leaky ReLU and a 3 x 3 convolution.

    Args: filters: channels that come out; resizing: ``SHRINKS`` (by means, after f) or ``GROWS``
    (by the nearest pixel, before f's first convolution); first: whether x are images, which f's
    first convolution takes as they are; spectral: of all its convolutions.
    """

    def __init__(self, filters, resizing, first=False, spectral=True, **kwargs):
        super().__init__(**kwargs)
        check_choice("resizing", resizing, (SHRINKS, GROWS))
        self.filters = filters
        self.resizing = resizing
        self.first = first
        self.spectral = spectral
        self.double = keras.layers.UpSampling2D(2, dtype=self.dtype_policy, name="double")
        self.convolutions = [
            _convolution(filters, 3, spectral, dtype=self.dtype_policy, name=f"convolution_{i}")
            for i in (1, 2)
        ]

    def build(self, input_shape):
        shapes = input_shape, (*input_shape[:-1], self.filters)
        for layer, shape in zip(self.convolutions, shapes, strict=True):
            layer.build(shape)
        self.shortcut = None
        if input_shape[-1] != self.filters:
            self.shortcut = _convolution(
                self.filters, 1, self.spectral, dtype=self.dtype_policy, name="shortcut"
            )
            self.shortcut.build(input_shape)

    def call(self, x, training=False):
        spectral = {"training": training} if self.spectral else {}
        grows = self.resizing == GROWS
        y = x if self.first else _leaky(x)
        y = self.convolutions[0](self.double(y) if grows else y, **spectral)
        y = self.convolutions[1](_leaky(y), **spectral)
        if not grows:
            x, y = _halved(x), _halved(y)
        if self.shortcut:  # 1 x 1, so that it gives the same at the smaller size, for a quarter
            x = self.shortcut(x, **spectral)
        return y + (self.double(x) if grows else x)

    def compute_output_shape(self, input_shape):
        batch, *sides, _ = input_shape
        of = (lambda side: side * 2) if self.resizing == GROWS else (lambda side: side // 2)
        return (batch, *(side and of(side) for side in sides), self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "resizing": self.resizing,
            "first": self.first,
            "spectral": self.spectral,
        }


def _convolution(filters, size, spectral, **options):
    layer = keras.layers.Conv2D(filters, size, padding="same", **options)
    return SpectralNormalization(layer) if spectral else layer


def _leaky(x):
    return keras.ops.leaky_relu(x, 0.2)


def _halved(x):
    return keras.ops.average_pool(x, 2, 2)


@keras.saving.register_keras_serializable("tf_gen")
class SegmentingDiscriminator(keras.Model):
    """Which class of the map does each pixel show, or is it fake? A U-Net of residual blocks.

    It judges by the image alone; what the generator read gives the labels that its answer is held
    against (``SegmentedPix2Pix``).

    Args:
        filters: width of the first block, 128 in the paper; every other one has twice as many, up
            to 4 times; the last has half.
        halvings: blocks that halve, and as many that double; the paper's 6. Heights and widths are
            multiples of ``factor``, 2^halvings.
        label_kind: ``"colours"``, a street map's five classes by the nearest of their colours
            (``tf_gen.metrics.map_classes``); ``"classes"``, one-hot maps, as a ``SPADEGenerator``
            that reads classes gives them.
        classes: how many.
        spectral: whether the blocks' kernels are divided by their spectral norm (the paper's).
        dtype: a Keras dtype policy; weights stay float32.

    Call:
        [inputs, images]: what the generator read, [B, H, W, 3] in [-1, 1] or [B, H, W, classes],
            and images [B, H, W, C] in [-1, 1].
        training: whether the estimates of the spectral norms move; statistics: as those of
            ``PatchDiscriminator``, which nothing here has.
        features: whether to return ((logits, labels), features), what each block gives.
        Returns: (float32 logits [B, H, W, classes + 1], the last of which says fake; one-hot
            float32 labels [B, H, W, classes]).
        Raises: UserError if H or W is no multiple of ``factor``.
    """

    def __init__(
        self,
        filters=128,
        halvings=6,
        label_kind="colours",
        classes=NUMBER,
        spectral=True,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # see ClassMap; the other layers cast
        check_at_least(1, filters=filters, halvings=halvings, classes=classes)
        check_choice("label_kind", label_kind, LABEL_KINDS)
        check_policy(self.dtype_policy)
        if label_kind == "colours" and classes != NUMBER:
            raise UserError(f'label_kind="colours": a street map has {NUMBER} classes')
        self.filters = filters
        self.halvings = halvings
        self.label_kind = label_kind
        self.classes = classes
        self.spectral = spectral

        shared = {"dtype": self.dtype_policy}
        self.reading = self._reading()
        widths = [filters * min(2 ** (i // 2), 4) for i in range(halvings)]  # 1 1 2 2 4 4
        self.downs = [
            _SegmentingBlock(width, SHRINKS, i == 0, spectral, name=f"down_{i + 1}", **shared)
            for i, width in enumerate(widths)
        ]
        self.ups = [  # 4 2 2 1 1 1/2
            _SegmentingBlock(width, GROWS, False, spectral, name=f"up_{i + 1}", **shared)
            for i, width in enumerate([*widths[-2::-1], max(1, filters // 2)])
        ]
        self.joins = [
            keras.layers.Concatenate(name=f"concatenate_{i + 2}", **shared)
            for i in range(halvings - 1)
        ]
        self.logits = _convolution(classes + 1, 1, spectral=False, name="logits", **shared)

    def _reading(self):
        if self.label_kind == "classes":
            return keras.layers.Identity(dtype="float32", name="reading")
        colours = [(MAP_CLASSES.index(name), colour) for name, colour in COLOURS]
        return ClassMap(NUMBER, colours, dtype="float32", name="reading")

    def build(self, input_shape):
        inputs, shape = input_shape
        wanted = 3 if self.label_kind == "colours" else self.classes
        if inputs[-1] != wanted:
            raise UserError(
                f'a discriminator of label_kind="{self.label_kind}" takes its labels from '
                f"{wanted} channels, got {inputs[-1]}"
            )
        self._check_size(shape)
        shapes = []
        for block in self.downs:
            block.build(shape)
            shape = block.compute_output_shape(shape)
            shapes.append(shape)
        for block, skip in zip(self.ups, [None, *shapes[-2::-1]], strict=True):
            if skip:
                shape = (*shape[:-1], skip[-1] + shape[-1])
            block.build(shape)
            shape = block.compute_output_shape(shape)
        self.logits.build(shape)

    @property
    def factor(self):
        """What heights and widths must be multiples of."""
        return 2**self.halvings

    def _check_size(self, shape):
        if any(side is not None and side % self.factor for side in shape[1:3]):
            raise UserError(
                f"the discriminator halves height and width {self.halvings} times, so both must "
                f"be multiples of {self.factor}: got {shape[1]} x {shape[2]}; "
                "resize or pad the images, or choose fewer halvings"
            )

    def call(self, inputs_and_images, training=False, statistics=None, features=False):
        inputs, x = inputs_and_images
        self._check_size(x.shape)
        seen = []
        for block in self.downs:
            x = block(x, training=training)
            seen.append(x)
        skips = zip([None, *self.joins], [None, *seen[-2::-1]], self.ups, strict=True)
        for join, skip, block in skips:
            x = block(join([skip, x]) if join else x, training=training)
            seen.append(x)
        judged = keras.ops.cast(self.logits(x), "float32"), self.reading(inputs)
        return (judged, seen) if features else judged

    def functional(self, height=256, width=256, input_channels=3, channels=3):
        """The same layers as a Keras functional model: for ``summary()`` and diagrams."""
        inputs = keras.Input((height, width, input_channels), name="input_image")
        images = keras.Input((height, width, channels), name="target_image")
        if not self.built:  # else its layers would be, and it not
            self.build([tuple(inputs.shape), tuple(images.shape)])
        return keras.Model([inputs, images], self.call([inputs, images]), name=self.name)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "halvings": self.halvings,
            "label_kind": self.label_kind,
            "classes": self.classes,
            "spectral": self.spectral,
        }
