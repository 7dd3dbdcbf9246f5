"""A generator of residual blocks (Johnson et al. 2016, as in CycleGAN, Zhu et al. 2017, 7.2)."""

import keras

from tf_gen.errors import UserError, check_at_least, check_choice, check_policy
from tf_gen.layers import ConvNorm, ReflectionPadding2D, ResidualBlock, weights_initializer

from .inputs import check_floats

UPSAMPLING = ("transposed", "resize")


@keras.saving.register_keras_serializable("tf_gen")
class ResNetGenerator(keras.Model):
    """Image to image: ``halvings``, residual ``blocks`` at that size, as many doublings.

    The published ones: 2 halvings and 9 blocks at 256 x 256 (CycleGAN); 4 and 9 are the global
    generator of pix2pixHD (Wang et al. 2018, appendix). No skip leads across, so that what goes in
    is kept less closely than by a U-Net; the size is free, since nothing shrinks to a pixel.

    Args:
        filters: width of the first layer, twice as many after each halving.
        halvings, blocks: how many. Heights and widths are multiples of ``factor``, 2^halvings.
        output_channels: of the image made; the number that goes in is free.
        normalization: ``"instance"`` (the papers'), ``"batch"``, ``"sync_batch"`` or ``"none"``.
        upsampling: ``"transposed"`` convolutions (the papers') or ``"resize"``, see ``ConvNorm``.
        dropout: rate within the blocks; 0, as in the papers, leaves the model without noise.
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
        **kwargs,
    ):
        super().__init__(**kwargs)
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

        shared = {"normalization": normalization, "dtype": self.dtype_policy}
        widths = [filters * 2**i for i in range(halvings + 1)]
        self.stack = [  # the layers in order, but the last
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
        self.padding = ReflectionPadding2D(3, dtype=self.dtype_policy)
        self.output_convolution = keras.layers.Conv2D(
            output_channels, 7, kernel_initializer=weights_initializer(),
            dtype=self.dtype_policy, name="output",
        )  # fmt: skip
        # float32: bfloat16 near 1 has steps of 1/256, as coarse as the images' own grey levels
        self.output_activation = keras.layers.Activation("tanh", dtype="float32", name="tanh")

    def build(self, input_shape):
        for layer in [*self.stack, self.padding, self.output_convolution]:
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, images, training=False, dropout=None, statistics=None, seed=None):
        self._check_size(images.shape)
        check_floats(images, -1.0)
        dropout = training if dropout is None else dropout
        x = images
        for layer in self.stack:
            noise = {"dropout": dropout, "seed": seed} if isinstance(layer, ResidualBlock) else {}
            x = layer(x, training=training, statistics=statistics, **noise)
        return self.output_activation(self.output_convolution(self.padding(x)))

    @property
    def factor(self):
        """What heights and widths must be multiples of."""
        return 2**self.halvings

    def _check_size(self, shape):
        smallest = max(4, 2 * self.factor)  # less cannot be mirrored by as many pixels
        for side in shape[1:3]:
            if side is not None and (side % self.factor or side < smallest):
                raise UserError(
                    f"the generator halves height and width {self.halvings} times, so both must be "
                    f"multiples of {self.factor} from {smallest} on: got {shape[1]} x {shape[2]}; "
                    "resize or pad the images"
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
            "blocks": self.blocks,
            "output_channels": self.output_channels,
            "normalization": self.normalization,
            "upsampling": self.upsampling,
            "dropout": self.dropout,
        }
