"""pix2pix' generator: a U-Net (the report, R2.1 and the generator summary of R2.2)."""

import keras

from tf_gen.errors import UserError, check_at_least, check_choice, check_policy
from tf_gen.layers import DownBlock, InputNoise, ResizeConv2D, UpBlock, weights_initializer
from tf_gen.layers.convolutions import UPSAMPLING

from .inputs import check_floats


@keras.saving.register_keras_serializable("tf_gen")
class UNetGenerator(keras.Model):
    """Image to image, through ``depth`` halvings and as many doublings with skips across.

    Args:
        filters: width of the first block; widths grow to 8 times that.
        depth: number of halvings; 8 takes 256 x 256 to 1 x 1 (the report's table), 7 does so
            with 128 x 128 (its drawing). Heights and widths are multiples of ``factor``, 2^depth.
        output_channels: of the image made; the number that goes in is free.
        normalization: ``"batch"``, ``"sync_batch"`` (over all replicas), ``"instance"`` (none at
            the bottleneck, where one value has no spread) or ``"none"``.
        dropout: rate in the first three up blocks: the report's only noise.
        noise_channels: of random values that are put beside the input instead, or as well (the
            report: none, since dropout works better).
        upsampling: ``"transposed"`` convolutions (the report's) or ``"resize"``, at their cost
            (``tf_gen.layers.ResizeConv2D``).
        dtype: a Keras dtype policy, ``"mixed_bfloat16"`` for instance; weights stay float32.

    Call:
        images: [B, H, W, C] in [-1, 1].
        training: whether moving statistics move.
        dropout: whether noise of either kind is on; None: as ``training``.
        statistics: ``"fixed"``, ``"batch"`` or ``"image"``; None: ``"batch"`` in training,
            else ``"fixed"``. See ``tf_gen.layers.BatchNorm``.
        seed: int32 [B, 2], the noise of each example (``tf_gen.layers.example_seeds``); None:
            new noise at each call.
        Returns: float32 [B, H, W, output_channels] in [-1, 1] (tanh).
        Raises: UserError if H or W is no multiple of 2^depth.
    """

    def __init__(
        self,
        filters=64,
        depth=8,
        output_channels=3,
        normalization="batch",
        dropout=0.5,
        noise_channels=0,
        upsampling="transposed",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_at_least(1, depth=depth)
        check_at_least(0, noise_channels=noise_channels)
        check_choice("upsampling", upsampling, UPSAMPLING)
        check_policy(self.dtype_policy)
        self.filters = filters
        self.depth = depth
        self.output_channels = output_channels
        self.normalization = normalization
        self.dropout = dropout
        self.noise_channels = noise_channels
        self.upsampling = upsampling

        widths = [filters * min(2**i, 8) for i in range(depth)]  # 64 128 256 512 512 512 512 512
        self.noise = None
        if noise_channels:
            self.noise = InputNoise(noise_channels, dtype=self.dtype_policy, name="noise")
        self.down_blocks = [
            DownBlock(
                width, self._down_normalization(i), dtype=self.dtype_policy, name=f"down_{i + 1}"
            )
            for i, width in enumerate(widths)
        ]
        self.up_blocks = [
            UpBlock(
                width,
                normalization,
                dropout if i < 3 else 0.0,
                noise_stream=i,
                upsampling=upsampling,
                dtype=self.dtype_policy,
                name=f"up_{i + 1}",
            )  # fmt: skip
            for i, width in enumerate(reversed(widths[:-1]))
        ]
        self.joins = [
            keras.layers.Concatenate(dtype=self.dtype_policy, name=f"concatenate_{i + 1}")
            for i in range(depth - 1)
        ]
        self.output_convolution = self._output_convolution()
        # float32: bfloat16 near 1 has steps of 1/256, as coarse as the images' own grey levels
        self.output_activation = keras.layers.Activation("tanh", dtype="float32", name="tanh")

    def _output_convolution(self):
        options = {
            "kernel_initializer": weights_initializer(), "dtype": self.dtype_policy,
            "name": "output",
        }  # fmt: skip
        if self.upsampling == "resize":
            return ResizeConv2D(self.output_channels, **options)
        return keras.layers.Conv2DTranspose(
            self.output_channels, 4, strides=2, padding="same", **options
        )

    def _down_normalization(self, i):
        if i == 0 or (self.normalization == "instance" and i == self.depth - 1):
            return "none"
        return self.normalization

    def build(self, input_shape):
        shape, skips = (*input_shape[:-1], input_shape[-1] + self.noise_channels), []
        for down in self.down_blocks:
            down.build(shape)
            shape = down.compute_output_shape(shape)
            skips.append(shape)
        for up, skip in zip(self.up_blocks, skips[-2::-1], strict=True):
            up.build(shape)
            shape = (*up.compute_output_shape(shape)[:-1], up.filters + skip[-1])
        self.output_convolution.build(shape)

    def call(self, images, training=False, dropout=None, statistics=None, seed=None):
        self._check_size(images.shape)
        check_floats(images, -1.0)
        dropout = training if dropout is None else dropout
        x, skips = self.noise(images, active=dropout, seed=seed) if self.noise else images, []
        for down in self.down_blocks:
            x = down(x, training=training, statistics=statistics)
            skips.append(x)  # [B, H/2, W/2, 64] ... [B, H/256, W/256, 512]
        for up, join, skip in zip(self.up_blocks, self.joins, skips[-2::-1], strict=True):
            x = up(x, training=training, dropout=dropout, statistics=statistics, seed=seed)
            x = join([x, skip])  # channels: up's, then the skip's
        return self.output_activation(self.output_convolution(x))

    @property
    def factor(self):
        """What heights and widths must be multiples of."""
        return 2**self.depth

    def _check_size(self, shape):
        if any(side is not None and side % self.factor for side in shape[1:3]):
            raise UserError(
                f"the U-Net halves height and width {self.depth} times, so both must be "
                f"multiples of {self.factor}: got {shape[1]} x {shape[2]}; "
                "resize or pad the images, or choose a smaller depth"
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
            "depth": self.depth,
            "output_channels": self.output_channels,
            "normalization": self.normalization,
            "dropout": self.dropout,
            "noise_channels": self.noise_channels,
            "upsampling": self.upsampling,
        }
