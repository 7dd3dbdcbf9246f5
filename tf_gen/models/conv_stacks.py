"""The convolutions that the autoencoders share (the report, R1.1: encoder and decoder)."""

import keras

from tf_gen.errors import UserError, check_at_least, check_choice, check_policy
from tf_gen.layers import BatchNorm

FILTERS = (16, 32, 64)  # the report's
NORMALIZATIONS = ("batch", "sync_batch", "none")


class _Stack(keras.layers.Layer):
    """Layers one after the other, each built with what comes out of the one before."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        check_policy(self.dtype_policy)

    def _chain(self):
        raise NotImplementedError

    def build(self, input_shape):
        for layer in self._chain():
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def compute_output_shape(self, input_shape):
        for layer in self._chain():
            input_shape = layer.compute_output_shape(input_shape)
        return tuple(input_shape)

    def call(self, x, training=False):
        for layer in self._chain():
            options = {"training": training} if isinstance(layer, BatchNorm) else {}
            x = layer(x, **options)
        return x

    def _normalization(self, i):
        # 0.9: the moving averages follow within tens of steps, for short runs too
        return BatchNorm(
            momentum=0.9, synchronized=self.normalization == "sync_batch",
            dtype=self.dtype_policy, name=f"normalization_{i + 1}",
        )  # fmt: skip


@keras.saving.register_keras_serializable("tf_gen")
class ConvEncoder(_Stack):
    """3 x 3 convolutions with ReLU; max pooling and batch normalisation between them.

    Args:
        filters: of each convolution.
        normalization: ``"batch"``, ``"sync_batch"`` (over all replicas) or ``"none"``.
        pool_last: whether pooling follows the last convolution, too (the report leaves it open).
    Call: [B, H, W, C] -> [B, H/f, W/f, filters[-1]], f = 2^(number of poolings).
    """

    def __init__(self, filters=FILTERS, normalization="batch", pool_last=False, **kwargs):
        super().__init__(**kwargs)
        check_choice("normalization", normalization, NORMALIZATIONS)
        check_at_least(1, **{"the number of filters": len(tuple(filters))})
        self.filters = tuple(filters)
        self.normalization = normalization
        self.pool_last = pool_last
        self.convolutions = [
            keras.layers.Conv2D(
                width, 3, padding="same", activation="relu", dtype=self.dtype_policy,
                name=f"convolution_{i + 1}",
            )
            for i, width in enumerate(self.filters)
        ]  # fmt: skip
        between = range(len(self.filters) - 1)
        self.poolings = [
            keras.layers.MaxPooling2D(2, dtype=self.dtype_policy, name=f"pooling_{i + 1}")
            for i in range(len(self.filters) - (not pool_last))
        ]
        self.normalizations = (
            [self._normalization(i) for i in between] if normalization != "none" else []
        )

    def _chain(self):
        for i, convolution in enumerate(self.convolutions):
            yield convolution
            yield from self.poolings[i : i + 1]
            yield from self.normalizations[i : i + 1]

    @property
    def factor(self):
        """By how much height and width shrink."""
        return 2 ** len(self.poolings)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "normalization": self.normalization,
            "pool_last": self.pool_last,
        }


@keras.saving.register_keras_serializable("tf_gen")
class ConvDecoder(_Stack):
    """The encoder turned round: transposed convolutions with ReLU and normalisation.

    The filters come in reverse; each pooling becomes a stride of 2 (of a 4 x 4 kernel; without
    it 3 x 3). A last transposed convolution, 3 x 3, makes the channels of the image.

    Args: as ``ConvEncoder``; channels: of the image.
    Call: [B, h, w, D] -> logits, float32 [B, h f, w f, channels]; the sigmoid is the caller's,
    since a cross-entropy is computed from logits.
    """

    def __init__(
        self, filters=FILTERS, channels=3, normalization="batch", pool_last=False, **kwargs
    ):
        super().__init__(**kwargs)
        check_choice("normalization", normalization, NORMALIZATIONS)
        self.filters = tuple(filters)
        self.channels = channels
        self.normalization = normalization
        self.pool_last = pool_last
        strides = [2 if i or pool_last else 1 for i in range(len(self.filters))]
        self.convolutions = [
            keras.layers.Conv2DTranspose(
                # 4 is a multiple of the stride 2: each pixel is reached equally often
                width, 4 if stride == 2 else 3, strides=stride, padding="same", activation="relu",
                dtype=self.dtype_policy, name=f"convolution_{i + 1}",
            )
            for i, (width, stride) in enumerate(zip(reversed(self.filters), strides, strict=True))
        ]  # fmt: skip
        between = range(len(self.filters) - 1)
        self.normalizations = (
            [self._normalization(i) for i in between] if normalization != "none" else []
        )
        # float32: bfloat16 is coarser than the images' own grey levels
        self.output_convolution = keras.layers.Conv2DTranspose(
            channels, 3, padding="same", dtype="float32", name="output"
        )

    def _chain(self):
        for i, convolution in enumerate(self.convolutions):
            yield convolution
            yield from self.normalizations[i : i + 1]
        yield self.output_convolution

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "channels": self.channels,
            "normalization": self.normalization,
            "pool_last": self.pool_last,
        }


def halved(image_size, factor) -> tuple[int, int]:
    """(Height, width) of images after the encoder. Raises: UserError if they cannot be halved."""
    height, width = image_size
    if min(height, width) < factor or height % factor or width % factor:
        raise UserError(
            f"the encoder divides height and width by {factor}, so both must be multiples of "
            f"{factor}: got {height} x {width}"
        )
    return height // factor, width // factor
