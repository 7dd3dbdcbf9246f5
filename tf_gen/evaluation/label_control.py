"""Does the label control the class? A classifier that saw real images alone answers.

A class mean repeated would pass that test, so the images' spread stands beside it.
"""

import keras
import numpy as np

from tf_gen import metrics
from tf_gen.data.batches import image_batches, steps_per_epoch
from tf_gen.data.images import to_unit_range
from tf_gen.optimizers import FusedAdam

from .autoencoders import in_batches

BATCH, STEPS = 64, 300


def train_classifier(images, labels, num_classes: int, seed=0) -> keras.Model:
    """A small convolutional classifier, trained for 300 steps of 64 images or ten epochs.

    Args: images: uint8 [N, H, W, C]; labels: int32 [N].
    Returns: a model from float32 [B, H, W, C] in [0, 1] to logits [B, num_classes].
    """
    layers = [keras.Input(images.shape[1:])]
    for i, filters in enumerate((16, 32, 64)):
        initializer = keras.initializers.HeNormal(seed=seed + i)
        layers.append(
            keras.layers.Conv2D(
                filters, 3, strides=2, padding="same", activation="relu",
                kernel_initializer=initializer,
            )
        )  # fmt: skip
    head = keras.initializers.GlorotUniform(seed=seed)
    layers += [keras.layers.Flatten(), keras.layers.Dense(num_classes, kernel_initializer=head)]
    model = keras.Sequential(layers, name="classifier")
    model.compile(FusedAdam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    steps = min(STEPS, 10 * steps_per_epoch(len(images), BATCH))
    batches = image_batches(images, labels, BATCH, seed, 0, steps)
    # said, since batches that are copied ahead to a GPU do not know how many they are
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)
    return model


def predicted(classifier, images) -> np.ndarray:
    """The classes that it sees in images, uint8 or float32 in [0, 1] [N, H, W, C]: int [N]."""
    return np.argmax(in_batches(lambda x: classifier(x, training=False), images), axis=1)


def class_figures(classifier, real, real_labels, generated, generated_labels) -> dict[str, float]:
    """For each label k: how often real and generated images are seen as k, and their spread.

    Args: real, generated: [N, H, W, C], uint8 or float32 in [0, 1]; labels: int [N].
    Returns: ``classifier_accuracy_<k>`` (real), ``label_control_<k>`` (generated), each in
        [0, 1]; ``spread_real_<k>``, ``spread_<k>``: the mean pairwise distance, if there are
        two images or more.
    """
    found = {}
    for k in np.unique(generated_labels):
        for images, labels, right, spread in (
            (real, real_labels, f"classifier_accuracy_{k}", f"spread_real_{k}"),
            (generated, generated_labels, f"label_control_{k}", f"spread_{k}"),
        ):
            chosen = images[labels == k]
            found[right] = float(np.mean(predicted(classifier, chosen) == k))
            found |= spread_figure(spread, chosen)
    return found


def spread_figure(name: str, images) -> dict[str, float]:
    """{name: the mean pairwise distance of images in [0, 1]}; {} of fewer than two."""
    if len(images) < 2:
        return {}
    images = to_unit_range(images) if images.dtype == np.uint8 else images
    return {name: float(metrics.mean_pairwise_distance(images))}
