"""SPADE's generator: a map that every normalisation reads (Park et al. 2019)."""

import keras
import tensorflow as tf

from tf_gen.errors import UserError, check_at_least, check_choice, check_policy
from tf_gen.layers import ClassMap, LatentNoise, SPADEBlock
from tf_gen.layers.spatially_adaptive_normalization import resized
from tf_gen.metrics.street_maps import COLOURS, MAP_CLASSES

from .inputs import check_floats

INPUT_KINDS = ("image", "colours", "classes")
GRID = 4  # the paper's first feature map, made of a latent vector


@keras.saving.register_keras_serializable("tf_gen")
class _Fit(keras.layers.Layer):
    """[B, h, w, C], and another of [B, H, W, ...] -> [B, H, W, C], bilinear."""

    def call(self, x, other):
        return tf.cast(tf.image.resize(x, tf.shape(other)[1:3]), x.dtype)

    def compute_output_shape(self, x_shape, other_shape):
        return (*other_shape[:-1], x_shape[-1])


@keras.saving.register_keras_serializable("tf_gen")
class SPADEGenerator(keras.Model):
    """Map to image: residual blocks, a doubling after each but the last, all of which read the map
    (the paper's figure 13).

    Args:
        filters: width of the last block, 64 in the paper; before it widths double up to 16 times
            that. The normalisations' hidden layers have twice as many (the paper's 128).
        halvings: doublings, and so halvings of the map; the paper's 6 begin 256 x 256 at 4 x 4.
            Heights and widths are multiples of ``factor``, 2^halvings.
        output_channels: of the image made.
        normalization: within SPADE, ``"sync_batch"`` (the paper's), ``"batch"``, ``"instance"`` or
            ``"none"``.
        spectral: whether the blocks' kernels are divided by their spectral norm (the paper's).
        input_kind: what is read: ``"image"``, of any channels, as it is; ``"colours"``, a street
            map's five classes by the nearest of their colours (``tf_gen.metrics.map_classes``);
            ``"classes"``, a grey image whose levels are the classes 0 ... ``classes - 1``, and
            others none.
        classes: how many, with ``"classes"``.
        latent_dim: None begins with the map, made small; a number (the paper's 256) with so many
            normal values, as a second source of variety: 0 where noise is off.
        dtype: a Keras dtype policy, ``"mixed_bfloat16"`` for instance; weights stay float32.

    Call: as ``UNetGenerator``; ``dropout`` is whether the latent vector is drawn. Raises: UserError
    if H or W is no multiple of ``factor``.
    """

    def __init__(
        self,
        filters=64,
        halvings=6,
        output_channels=3,
        normalization="sync_batch",
        spectral=True,
        input_kind="image",
        classes=None,
        latent_dim=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # see ClassMap; the other layers cast
        check_at_least(1, filters=filters)
        check_at_least(0, halvings=halvings)
        check_choice("input_kind", input_kind, INPUT_KINDS)
        check_policy(self.dtype_policy)
        if input_kind == "classes" and not classes:
            raise ValueError('input_kind="classes": say how many, classes=...')
        self.filters = filters
        self.halvings = halvings
        self.output_channels = output_channels
        self.normalization = normalization
        self.spectral = spectral
        self.input_kind = input_kind
        self.classes = classes
        self.latent_dim = latent_dim

        shared = {"dtype": self.dtype_policy}
        self.reading = self._reading()
        widths = [filters * min(2**i, 16) for i in range(halvings, -1, -1)]
        self.start = (
            keras.layers.Dense(GRID**2 * widths[0], name="start", **shared)
            if latent_dim
            else keras.layers.Conv2D(widths[0], 3, padding="same", name="start", **shared)
        )
        self.noise = LatentNoise(latent_dim, name="noise", **shared) if latent_dim else None
        self.fit = _Fit(name="fit", **shared) if latent_dim else None
        self.blocks = [  # 1024 1024 1024 512 256 128 64
            SPADEBlock(
                width, spectral, normalization, 2 * filters, 2 ** (halvings - i),
                classes=input_kind != "image", name=f"block_{i + 1}", **shared,
            )
            for i, width in enumerate(widths)
        ]  # fmt: skip
        self.doublings = [
            keras.layers.UpSampling2D(2, name=f"up_{i + 1}", **shared) for i in range(halvings)
        ]
        self.output_convolution = keras.layers.Conv2D(
            output_channels, 3, padding="same", name="output", **shared
        )
        # float32: bfloat16 near 1 has steps of 1/256, as coarse as the images' own grey levels
        self.output_activation = keras.layers.Activation("tanh", dtype="float32", name="tanh")

    def _reading(self):
        shared = {"dtype": self.dtype_policy, "name": "reading"}
        if self.input_kind == "image":
            return keras.layers.Identity(**shared)
        if self.input_kind == "classes":
            return ClassMap(self.classes, **shared)
        colours = [(MAP_CLASSES.index(name), colour) for name, colour in COLOURS]
        return ClassMap(len(MAP_CLASSES), colours, **shared)

    def build(self, input_shape):
        self._check_channels(input_shape[-1])
        maps = self.read_shape(input_shape)
        self.start.build((None, self.latent_dim) if self.latent_dim else maps)
        shape = (*maps[:-1], self.blocks[0].filters)
        for block in self.blocks:
            block.build(shape, maps)
            shape = block.compute_output_shape(shape, maps)
        self.output_convolution.build(shape)

    def call(self, images, training=False, dropout=None, statistics=None, seed=None):
        self._check_size(images.shape)
        check_floats(images, -1.0)
        maps = self.reading(images)
        x = self._first(maps, training if dropout is None else dropout, seed)
        for block, up in zip(self.blocks, [None, *self.doublings], strict=True):
            x = up(x) if up else x
            x = block(x, maps, training=training, statistics=statistics)
        return self.output_activation(self.output_convolution(x))

    def _first(self, maps, noisy, seed):
        """[B, H / factor, W / factor, 16 filters]"""
        small = resized(maps, self.factor, self.input_kind != "image")
        if not self.latent_dim:
            return self.start(small)
        latents = self.noise(maps, active=noisy, seed=seed)
        x = keras.ops.reshape(self.start(latents), (-1, GRID, GRID, self.blocks[0].filters))
        return self.fit(x, small)

    def read(self, images):
        """What of the images, in [-1, 1], is read: classes one-hot, or themselves."""
        return self.reading(images)

    def read_shape(self, input_shape):
        return tuple(self.reading.compute_output_shape(input_shape))

    @property
    def factor(self):
        """What heights and widths must be multiples of."""
        return 2**self.halvings

    def _check_channels(self, channels):
        wanted = {"colours": 3, "classes": 1}.get(self.input_kind, channels)
        if channels != wanted:
            raise UserError(
                f'a generator of input_kind="{self.input_kind}" takes images of {wanted} '
                f"channel{'s' * (wanted > 1)}, got {channels}"
            )

    def _check_size(self, shape):
        if any(side is not None and side % self.factor for side in shape[1:3]):
            raise UserError(
                f"the generator doubles height and width {self.halvings} times, so both must be "
                f"multiples of {self.factor}: got {shape[1]} x {shape[2]}; "
                "resize or pad the images, or choose fewer halvings"
            )

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.output_channels)

    def functional(self, height=256, width=256, channels=3):
        """The same layers as a Keras functional model: for ``summary()`` and diagrams."""
        if not self.built:  # else its layers would be, and it not
            self.build((None, None, None, channels))
        images = keras.Input((height, width, channels), name="input")
        return keras.Model(images, self.call(images), name=self.name)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "halvings": self.halvings,
            "output_channels": self.output_channels,
            "normalization": self.normalization,
            "spectral": self.spectral,
            "input_kind": self.input_kind,
            "classes": self.classes,
            "latent_dim": self.latent_dim,
        }
