"""The figures of what translates images, on pairs, uint8 [N, H, W, C].

A *translator* has ``translate(images)`` and ``translate_noisy(images, seed)``, float32 [B, H, W, C]
in [0, 1] to the same: a SavedModel of a pix2pix, or ``tf_gen.export.translations`` of a generator,
which can also use each image's own statistics (``translate_image_statistics``).
"""

import types

import numpy as np
import tensorflow as tf

from tf_gen import metrics
from tf_gen.data.images import to_unit_range

REPORT_BATCH = 2  # the batch whose statistics the report's mode uses
LOW, HIGH = 1 / 16, 1 / 8  # cycles a pixel: where low frequencies end, where high ones begin
NOISE_DRAWS, NOISE_IMAGES = 8, 20


def translated(translate, images, seen=lambda count: None):
    """Images translated two at a time: uint8, or float in [0, 1], to float32 in [0, 1], numpy.

    Args: translate: (images, place of the first) -> images; seen: called with each batch's size.
    """
    parts = []
    for first in range(0, len(images), REPORT_BATCH):
        batch = images[first : first + REPORT_BATCH]
        batch = to_unit_range(batch) if batch.dtype == np.uint8 else tf.constant(batch)
        parts.append(translate(batch, first).numpy())
        seen(len(batch))
    return np.concatenate(parts)


def of_any_size(translator):
    """A translator of images of any size: edges at right and bottom are reflected up to the
    multiple that it takes, and cut off again."""
    _, multiple = (int(side) for side in translator.sizes())

    def padded(translate):
        def call(images, *seed):
            height, width = images.shape[1:3]
            margins = ((0, 0), (0, -height % multiple), (0, -width % multiple), (0, 0))
            return translate(np.pad(images, margins, "reflect"), *seed)[:, :height, :width]

        return call

    names = ("translate", "translate_noisy", "translate_image_statistics")
    functions = {n: padded(getattr(translator, n)) for n in names if hasattr(translator, n)}
    # a SavedModel's variables live as long as it does
    return types.SimpleNamespace(**functions, sizes=translator.sizes, of=translator)


def in_report_mode(translator, images, seed=0, seen=lambda count: None):
    """Images translated as the report tests: dropout on, each batch's statistics. An example's
    noise is a pure function of seed and place."""

    def translate(batch, first):
        return translator.translate_noisy(batch, tf.constant([seed, first]))

    return translated(translate, images, seen)


def errors(outputs, targets) -> dict[str, float]:
    """L1, PSNR, SSIM and, from 176 pixels a side, MS-SSIM of outputs in [0, 1] against uint8
    targets: of each image, averaged."""
    measures = {"l1": metrics.l1, "psnr": metrics.psnr, "ssim": metrics.ssim}
    if min(targets.shape[1:3]) >= metrics.MS_SSIM_SIDE:
        measures["ms_ssim"] = metrics.ms_ssim
    found = {name: [] for name in measures}
    for i in range(0, len(targets), 8):
        wanted, outcome = to_unit_range(targets[i : i + 8]), outputs[i : i + 8]
        for name, measure in measures.items():
            found[name].extend(measure(wanted, outcome).numpy().tolist())
    return {name: float(np.mean(values)) for name, values in found.items()}


def frequency_figures(outputs, targets) -> dict[str, float]:
    """``low_frequency_mse``, the squared error of what varies over more than 16 pixels, and
    ``high_frequency_power``, the power of what varies within 8 as a share of the targets'.

    Args: outputs: float in [0, 1]; targets: uint8, the same shape.
    """
    low, made, wanted = [], [], []
    for i in range(0, len(targets), 8):
        real, fake = to_unit_range(targets[i : i + 8]), outputs[i : i + 8]
        low.extend(metrics.band_power(fake - real, 0.0, LOW))
        made.extend(metrics.band_power(fake, HIGH))
        wanted.extend(metrics.band_power(real, HIGH))
    found = {"low_frequency_mse": float(np.mean(low))}
    if power := np.mean(wanted):  # targets of one colour have none
        found["high_frequency_power"] = float(np.mean(made) / power)
    return found


def trivial_errors(inputs, targets, training_targets) -> dict[str, float]:
    """``l1`` and ``ssim`` of two trivial answers: ``_mean_colour`` of the training targets, and
    ``_copy``, the input itself, if the channels agree."""
    colour = to_unit_range(np.mean(training_targets, axis=(0, 1, 2))).numpy()  # [C]
    answers = {"mean_colour": np.broadcast_to(colour, targets.shape)}
    if inputs.shape == targets.shape:
        answers["copy"] = to_unit_range(inputs).numpy()
    figures = {}
    for answer, outputs in answers.items():
        found = errors(outputs, targets)
        figures |= {f"{name}_{answer}": found[name] for name in ("l1", "ssim")}
    return figures


def noise_std(translator, inputs) -> float:
    """How much the noise matters: a pixel's standard deviation in [0, 1] over 8 draws in the
    report's mode, averaged over pixels and at most 20 images."""
    shown = inputs[:NOISE_IMAGES]
    draws = np.stack([in_report_mode(translator, shown, draw) for draw in range(NOISE_DRAWS)])
    return float(draws.std(axis=0).mean())


def map_agreement(truth, maps) -> dict[str, float]:
    """How well the map that is found agrees with the true one, over all pixels of all images.

    Args: truth: uint8 [N, H, W, 3]; maps: float in [0, 1], the same shape.
    Returns: ``map_iou_<class>`` and ``map_recall_<class>`` of the classes that the truth shows, and
        ``map_iou``, the mean over these.
    """
    counts = sum(
        metrics.class_counts(
            metrics.map_classes(to_unit_range(truth[i : i + 4])),
            metrics.map_classes(maps[i : i + 4]),
        ).numpy()
        for i in range(0, len(truth), 4)
    )
    overlap, recall = metrics.class_overlap(counts)
    there = counts.sum(1) > 0
    found = {"map_iou": float(np.mean(overlap[there]))}
    for k, name in enumerate(metrics.MAP_CLASSES):
        if there[k]:
            found |= {f"map_iou_{name}": float(overlap[k]), f"map_recall_{name}": float(recall[k])}
    return found
