"""Batch normalisation's statistics, measured over many images when training ends.

Moving averages fail in a pix2pix of batch 2: its 1 x 1 bottleneck sees two values at a time.
"""

import numpy as np
import tensorflow as tf

from tf_gen.errors import UserError
from tf_gen.layers import BatchNorm

ONE_VALUE = (
    "batch normalisation cannot be measured on a batch of one image, of which a layer sees one "
    "value alone: give at least 2 images to a batch, larger ones, or a network with "
    'normalization="instance"'
)


def recompute_statistics(network, batches):
    """Set every BatchNorm's moving statistics to those of ``batches``, dropout off.

    Each batch is normalised by its own statistics on its way through; what each layer saw is
    pooled over the batches, each weighed by its images (the law of total variance).

    Args: network: with a call like ``UNetGenerator``'s; batches: float32 [B, H, W, C] each.
    Raises: UserError, all statistics as they were, if a batch is one image of which a layer sees
        one value alone: normalised by itself it is 0, and so the same for every image.
    """
    layers = [layer for layer in network._flatten_layers() if isinstance(layer, BatchNorm)]
    if not layers:
        return
    measure = tf.function(
        lambda images: network(images, training=False, statistics="measure"),
        reduce_retracing=True,
    )
    before = [_statistics(layer) for layer in layers]
    means, squares, counts = [], [], []  # a list over batches of lists over layers
    for images in batches:
        measure(images)
        counts.append(len(images))
        found = [_statistics(layer) for layer in layers]
        if len(images) == 1 and not all(variance.any() for _, variance in found):
            for layer, (mean, variance) in zip(layers, before, strict=True):
                layer.moving_mean.assign(mean)
                layer.moving_variance.assign(variance)
            raise UserError(ONE_VALUE)
        means.append([mean for mean, _ in found])
        squares.append([variance + mean**2 for mean, variance in found])
    for i, layer in enumerate(layers):
        mean = np.average([batch[i] for batch in means], axis=0, weights=counts)
        square = np.average([batch[i] for batch in squares], axis=0, weights=counts)
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(square - mean**2)


def _statistics(layer):
    """(Mean, variance), float64 [C] each."""
    return [v.numpy().astype(np.float64) for v in (layer.moving_mean, layer.moving_variance)]
