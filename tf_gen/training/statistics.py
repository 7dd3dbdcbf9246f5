"""Batch normalisation's statistics, measured over many images when training ends.

Moving averages fail in a pix2pix of batch 2: its 1 x 1 bottleneck sees two values at a time.
"""

import numpy as np
import tensorflow as tf

from tf_gen.layers import BatchNorm


def recompute_statistics(network, batches):
    """Set every BatchNorm's moving statistics to those of ``batches``, dropout off.

    Each batch is normalised by its own statistics on its way through; what each layer saw is
    pooled over the batches, each weighed by its images (the law of total variance).

    Args: network: with a call like ``UNetGenerator``'s; batches: float32 [B, H, W, C] each.
    """
    layers = [layer for layer in network._flatten_layers() if isinstance(layer, BatchNorm)]
    if not layers:
        return
    measure = tf.function(
        lambda images: network(images, training=False, statistics="measure"),
        reduce_retracing=True,
    )
    means, squares, counts = [], [], []  # a list over batches of lists over layers
    for images in batches:
        measure(images)
        counts.append(len(images))
        mean = [layer.moving_mean.numpy().astype(np.float64) for layer in layers]
        means.append(mean)
        squares.append(
            [layer.moving_variance.numpy() + m**2 for layer, m in zip(layers, mean, strict=True)]
        )
    for i, layer in enumerate(layers):
        mean = np.average([batch[i] for batch in means], axis=0, weights=counts)
        square = np.average([batch[i] for batch in squares], axis=0, weights=counts)
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(square - mean**2)
