"""A generator of residual blocks (Johnson et al. 2016, as in CycleGAN, Zhu et al. 2017, 7.2)."""

import keras

from tf_gen.errors import check_at_least, check_choice, check_policy
from tf_gen.layers import ConvNorm, ReflectionPadding2D, ResidualBlock, weights_initializer
from tf_gen.layers.convolutions import UPSAMPLING

from .class_edges import ClassEdges
from .inputs import check_floats, check_size


@keras.saving.register_keras_serializable("tf_gen")
class ResNetGenerator(keras.Model):
    """Image to image: ``halvings``, residual ``blocks`` at that size, as many doublings.

    The published one: 2 halvings and 9 blocks at 256 x 256 (CycleGAN); with 4 it is pix2pixHD's
    ``GlobalGenerator``. No skip leads across, so that what goes in
    is kept less closely than by a U-Net; the size is free, since nothing shrinks to a pixel.

    Args:
        filters: width of the first layer, twice as many after each halving.
        halvings, blocks: how many. Heights and widths are multiples of ``factor``, 2^halvings.
        output_channels: of the image made; the number that goes in is free. None: no image is
            made, and the last feature map returned.
        normalization: ``"instance"`` (the papers'), ``"batch"``, ``"sync_batch"`` or ``"none"``.
        upsampling: ``"transposed"`` convolutions (the papers') or ``"resize"``, see ``ConvNorm``.
        dropout: rate within the blocks; 0, as in the papers, leaves the model without noise.
        edges: whether edges between the classes of a street map, which the images must then be,
            are read beside it, see ``ClassEdges``; by a discriminator in ``Pix2Pix``, too.
        dtype: a Keras dtype policy, ``"mixed_bfloat16"`` for instance; weights stay float32.

    Call: as ``UNetGenerator``. Raises: UserError if H or W is no multiple of ``factor``.
    """

    def __init__(
        self,
        filters=64,
        halvings=2,
        blocks=9,
        output_channels=3,
        normalization="instance",
        upsampling="transposed",
        dropout=0.0,
        edges=False,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # for ClassEdges; the other layers cast
        check_at_least(1, filters=filters)
        check_at_least(0, halvings=halvings, blocks=blocks)
        check_choice("upsampling", upsampling, UPSAMPLING)
        check_policy(self.dtype_policy)
        self.filters = filters
        self.halvings = halvings
        self.blocks = blocks
        self.output_channels = output_channels
        self.normalization = normalization
        self.upsampling = upsampling
        self.dropout = dropout
        self.edges = edges

        shared = {"normalization": normalization, "dtype": self.dtype_policy}
        widths = [filters * 2**i for i in range(halvings + 1)]
        self.reading = (
            ClassEdges(name="edges")
            if edges
            else keras.layers.Identity(dtype=self.dtype_policy, name="reading")
        )
        self.stack = [  # the layers in order, but the first and the last
            ConvNorm(filters, 7, name="first", **shared),
            *(
                ConvNorm(width, 3, 2, name=f"down_{i + 1}", **shared)
                for i, width in enumerate(widths[1:])
            ),
            *(
                ResidualBlock(
                    widths[-1], dropout=dropout, noise_stream=i, name=f"block_{i + 1}", **shared
                )
                for i in range(blocks)
            ),
            *(
                ConvNorm(width, 3, upsampling=upsampling, name=f"up_{i + 1}", **shared)
                for i, width in enumerate(reversed(widths[:-1]))
            ),
        ]
        if output_channels is None:
            return
        self.padding = ReflectionPadding2D(3, dtype=self.dtype_policy)
        self.output_convolution = keras.layers.Conv2D(
            output_channels, 7, kernel_initializer=weights_initializer(),
            dtype=self.dtype_policy, name="output",
        )  # fmt: skip
        # float32: bfloat16 near 1 has steps of 1/256, as coarse as the images' own grey levels
        self.output_activation = keras.layers.Activation("tanh", dtype="float32", name="tanh")

    def build(self, input_shape):
        last = [] if self.output_channels is None else [self.padding, self.output_convolution]
        for layer in [self.reading, *self.stack, *last]:
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, images, training=False, dropout=None, statistics=None, seed=None):
        check_size(self, images.shape)
        check_floats(images, -1.0)
        dropout = training if dropout is None else dropout
        x = self.read(images)
        for layer in self.stack:
            noise = {"dropout": dropout, "seed": seed} if isinstance(layer, ResidualBlock) else {}
            x = layer(x, training=training, statistics=statistics, **noise)
        if self.output_channels is None:
            return x
        return self.output_activation(self.output_convolution(self.padding(x)))

    def read(self, images):
        """What of the images, in [-1, 1], is read: with ``edges`` these, too."""
        return self.reading(images)

    def read_shape(self, input_shape):
        return self.reading.compute_output_shape(input_shape)

    @property
    def factor(self):
        """What heights and widths must be multiples of."""
        return 2**self.halvings

    @property
    def smallest(self):
        """Height and width from which on they can be mirrored where they are halved so often."""
        return max(4, 2 * self.factor)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.output_channels or self.filters)

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
            "blocks": self.blocks,
            "output_channels": self.output_channels,
            "normalization": self.normalization,
            "upsampling": self.upsampling,
            "dropout": self.dropout,
            "edges": self.edges,
        }
