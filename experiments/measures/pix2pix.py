"""A pix2pix run's figures from its SavedModel, the readability of maps among them."""

import numpy as np
import tensorflow as tf

from experiments.launch.progress import Progress
from experiments.launch.saved_models import load_saved_model
from experiments.tasks.pix2pix import load_data
from tf_gen import metrics
from tf_gen.data.images import to_unit_range
from tf_gen.errors import UserError
from tf_gen.evaluation.pix2pix import (
    NOISE_DRAWS,
    REPORT_BATCH,
    errors,
    noise_std,
    trivial_figures,
)

NOISE_IMAGES = 20


def figures(config, model, options, distances) -> dict:
    """All figures of ``metrics.json`` that the SavedModel's functions can give, and more."""
    reader = _reader(config, options)
    data = load_data(options)
    inputs, targets = data.val_inputs, data.val_targets
    if config.split == "train":
        inputs, targets = (
            _middle(x, options.image_size) for x in (data.train_inputs, data.train_targets)
        )
    outputs = _translated(model, inputs, "translate")
    found = {f"val_{name}": value for name, value in errors(_tanh(outputs), targets).items()}
    with Progress(len(inputs), "translate_noisy") as progress:
        noisy = _noisy(model, inputs, config.seed, progress)
    found |= {f"val_{name}_report_mode": v for name, v in errors(noisy, targets).items()}
    found |= trivial_figures(inputs, targets, data.train_targets)
    shown = inputs[:NOISE_IMAGES]
    with Progress(NOISE_DRAWS * len(shown), "noise") as progress:
        found["noise_std"] = noise_std(
            lambda images, draw: _noisy(model, images, draw, progress), shown
        )
    found |= readability(options.direction, inputs, targets, outputs, reader)
    found |= distances(targets, outputs)
    return found | distances(targets, noisy / 2.0 + 0.5, "_report_mode")


def _reader(config, options):
    if config.reader is None:
        return None
    if options.direction != "map_to_aerial":
        raise UserError("--reader: only a map_to_aerial run makes photographs to be read")
    reader = load_saved_model("reader", config.reader, "pix2pix", ["translate", "sizes"])
    size = int(reader.sizes()[0])
    if options.image_size % int(reader.sizes()[1]):
        raise UserError(f"--reader {config.reader}: of {size} pixels, not {options.image_size}")
    return reader


def readability(direction, inputs, targets, outputs, reader=None) -> dict[str, float]:
    """How well what a map says can be read in the output.

    aerial_to_map: output against true map. map_to_aerial: the map that the reader sees in the
    output against the input, and (``_real``) what it sees in the true photograph: no output can be
    expected to be read better than that. ``val_map_iou_<class>`` and ``val_map_recall_<class>``
    over all pixels of all images, ``val_map_iou`` the mean of the classes that are there.
    """
    if direction == "aerial_to_map":
        return _agreement(targets, outputs, "")
    if reader is None:
        return {}
    read = _translated(reader, outputs, "reading outputs")
    real = _translated(reader, targets, "reading photographs")
    return _agreement(inputs, read, "") | _agreement(inputs, real, "_real")


def _agreement(truth, maps, suffix):
    counts = sum(
        metrics.class_counts(
            metrics.map_classes(to_unit_range(truth[i : i + 4])),
            metrics.map_classes(maps[i : i + 4]),
        ).numpy()
        for i in range(0, len(truth), 4)
    )
    overlap, recall = metrics.class_overlap(counts)
    there = counts.sum(1) > 0
    found = {f"val_map_iou{suffix}": float(np.mean(overlap[there]))}
    for k, name in enumerate(metrics.MAP_CLASSES):
        if there[k]:
            found[f"val_map_iou_{name}{suffix}"] = float(overlap[k])
            found[f"val_map_recall_{name}{suffix}"] = float(recall[k])
    return found


def _translated(model, images, title):
    """uint8, or float in [0, 1] -> float32 in [0, 1], one image after the other."""
    parts = []
    with Progress(len(images), title) as progress:
        for image in images:
            image = to_unit_range(image) if image.dtype == np.uint8 else tf.constant(image)
            parts.append(model.translate(image[None]).numpy())
            progress.step()
    return np.concatenate(parts)


def _noisy(model, images, seed, progress):
    """uint8 -> float32 in [-1, 1] in the report's mode, in batches of 2."""
    parts = []
    for first in range(0, len(images), REPORT_BATCH):
        batch = to_unit_range(images[first : first + REPORT_BATCH])
        parts.append(model.translate_noisy(batch, tf.constant([seed, first])).numpy())
        progress.step(len(batch))
    return _tanh(np.concatenate(parts))


def _tanh(images):
    return images * 2.0 - 1.0


def _middle(images, size):
    margin = (images.shape[1] - size) // 2
    return images[:, margin : margin + size, margin : margin + size]
