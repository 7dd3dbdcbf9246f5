"""pix2pixHD's generator, coarse to fine (Wang et al. 2018, section 3.1 and appendix)."""

import keras

from tf_gen.errors import check_at_least, check_policy
from tf_gen.layers import ConvNorm, ReflectionPadding2D, ResidualBlock, weights_initializer

from .class_edges import ClassEdges
from .global_generator import GlobalGenerator
from .inputs import check_floats, check_size


@keras.saving.register_keras_serializable("tf_gen")
class LocalEnhancer(keras.Model):
    """Image to image: a front end that halves, to which the last feature map of a global generator
    is added that sees the image at half its size; then residual blocks and one doubling.

    Args:
        filters: width of the first layer; the global generator's has twice as many.
        halvings, blocks: of the global generator, see ``GlobalGenerator``. Heights and widths are
            multiples of ``factor``, 2^(halvings + 1).
        local_blocks: residual blocks of the enhancer's own.
        output_channels: of the image made; the number that goes in is free.
        normalization, upsampling, edges: see ``ResNetGenerator``.
        train_global: whether the global generator is trained. The paper trains it first, at half
            the size, then the enhancer around it, then both; by default both are trained at once.
        dtype: a Keras dtype policy, ``"mixed_bfloat16"`` for instance; weights stay float32.

    Call: as ``UNetGenerator``; there is no noise. Raises: UserError if H or W is no multiple of
    ``factor``.
    """

    def __init__(
        self,
        filters=32,
        halvings=4,
        blocks=9,
        local_blocks=3,
        output_channels=3,
        normalization="instance",
        upsampling="transposed",
        edges=False,
        train_global=True,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # for ClassEdges; the other layers cast
        check_at_least(1, filters=filters)
        check_at_least(0, local_blocks=local_blocks)
        check_policy(self.dtype_policy)
        self.filters = filters
        self.halvings = halvings
        self.blocks = blocks
        self.local_blocks = local_blocks
        self.output_channels = output_channels
        self.normalization = normalization
        self.upsampling = upsampling
        self.edges = edges
        self.train_global = train_global

        shared = {"normalization": normalization, "dtype": self.dtype_policy}
        self.halve = keras.layers.AveragePooling2D(
            3, strides=2, padding="same", dtype="float32", name="halve"
        )
        self.global_generator = GlobalGenerator(
            2 * filters, halvings, blocks, output_channels=None, upsampling=upsampling, edges=edges,
            name="global_generator", **shared,
        )  # fmt: skip
        self.global_generator.trainable = train_global
        self.reading = (
            ClassEdges(name="edges")
            if edges
            else keras.layers.Identity(dtype=self.dtype_policy, name="reading")
        )
        self.front = [
            ConvNorm(filters, 7, name="first", **shared),
            ConvNorm(2 * filters, 3, 2, name="down", **shared),
        ]
        self.add = keras.layers.Add(dtype=self.dtype_policy, name="add")
        self.back = [
            *(ResidualBlock(2 * filters, name=f"block_{i + 1}", **shared)
              for i in range(local_blocks)),
            ConvNorm(filters, 3, upsampling=upsampling, name="up", **shared),
        ]  # fmt: skip
        self.padding = ReflectionPadding2D(3, dtype=self.dtype_policy)
        self.output_convolution = keras.layers.Conv2D(
            output_channels, 7, kernel_initializer=weights_initializer(),
            dtype=self.dtype_policy, name="output",
        )  # fmt: skip
        # float32: bfloat16 near 1 has steps of 1/256, as coarse as the images' own grey levels
        self.output_activation = keras.layers.Activation("tanh", dtype="float32", name="tanh")

    def build(self, input_shape):
        self.global_generator.build(self.halve.compute_output_shape(input_shape))
        for layer in [self.reading, *self.front, *self.back, self.padding, self.output_convolution]:
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, images, training=False, dropout=None, statistics=None, seed=None):
        check_size(self, images.shape)
        check_floats(images, -1.0)
        options = {"training": training, "statistics": statistics}
        coarse = self.global_generator(self.halve(images), **options)  # [B, H/2, W/2, 64]
        x = self.read(images)
        for layer in self.front:
            x = layer(x, **options)
        x = self.add([x, coarse])
        for layer in self.back:
            x = layer(x, **options)
        return self.output_activation(self.output_convolution(self.padding(x)))

    def read(self, images):
        """What of the images, in [-1, 1], is read: with ``edges`` these, too."""
        return self.reading(images)

    def read_shape(self, input_shape):
        return self.reading.compute_output_shape(input_shape)

    @property
    def factor(self):
        """What heights and widths must be multiples of."""
        return 2 ** (self.halvings + 1)

    @property
    def smallest(self):
        """Height and width from which on they can be mirrored where they are halved so often."""
        return 2 * self.factor

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.output_channels)

    def functional(self, height=512, width=512, channels=3):
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
            "blocks": self.blocks,
            "local_blocks": self.local_blocks,
            "output_channels": self.output_channels,
            "normalization": self.normalization,
            "upsampling": self.upsampling,
            "edges": self.edges,
            "train_global": self.train_global,
        }
