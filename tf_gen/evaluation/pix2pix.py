"""A translator's figures on validation pairs, in each way of using it at test time."""

import numpy as np
import tensorflow as tf

from tf_gen import metrics
from tf_gen.data.images import to_tanh_range
from tf_gen.layers import example_seeds

# name -> how the generator is called; dropout is the report's noise, on at test time too
MODES = {
    "translate": {"dropout": False, "statistics": "fixed"},  # what the SavedModel serves
    "report_mode": {"dropout": True, "statistics": "batch"},
    "image_statistics": {"dropout": False, "statistics": "image"},
}
REPORT_BATCH = 2  # the batch whose statistics the report's mode uses
NOISE_DRAWS = 8


class Translator:
    """A generator compiled for one mode: uint8 inputs in, float32 outputs in [-1, 1] out."""

    def __init__(self, generator, mode: str):
        def call(inputs, seed):
            images = to_tanh_range(inputs)
            return generator(images, training=False, seed=seed, **MODES[mode])

        self._function = tf.function(call)
        self._calls = {}

    def __call__(self, inputs, noise=0):
        """uint8 [N, H, W, C] -> float32 numpy [N, H, W, C], in batches of 2 (the last may be 1).

        The noise of an example is a pure function of ``noise`` and its place.
        """
        seeds = example_seeds(noise, len(inputs))
        parts = [
            self._compiled(inputs.shape[1:])(
                tf.constant(inputs[i : i + REPORT_BATCH]), seeds[i : i + REPORT_BATCH]
            ).numpy()
            for i in range(0, len(inputs), REPORT_BATCH)
        ]
        return np.concatenate(parts)

    def _compiled(self, shape):
        """One trace for each image size, whatever the batch."""
        if shape not in self._calls:
            self._calls[shape] = self._function.get_concrete_function(
                tf.TensorSpec([None, *shape], tf.uint8), tf.TensorSpec([None, 2], tf.int32)
            )
        return self._calls[shape]


def errors(outputs, targets) -> dict[str, float]:
    """L1, PSNR, SSIM and, from 176 pixels a side, MS-SSIM of outputs in [-1, 1] against uint8
    targets: of each image, averaged."""
    sums = {}
    for i in range(0, len(targets), 8):
        wanted, found = to_tanh_range(targets[i : i + 8]), outputs[i : i + 8]
        part = metrics.image_errors(wanted, found)
        if min(targets.shape[1:3]) >= metrics.MS_SSIM_SIDE:
            part["ms_ssim"] = metrics.ms_ssim(wanted / 2.0 + 0.5, found / 2.0 + 0.5)
        for name, values in part.items():
            sums.setdefault(name, []).extend(values.numpy().tolist())
    return {name: float(np.mean(values)) for name, values in sums.items()}


def full_figures(generator, inputs, targets, training_targets) -> dict[str, float]:
    """All of the contract's validation figures of pairs, uint8 [N, H, W, C] each.

    ``val_l1``, ``val_psnr``, ``val_ssim`` (and, from 176 pixels a side, ``val_ms_ssim``) in the
    mode that ``translate`` serves; the same with the suffix of each other mode; two trivial
    answers' figures: the training targets' mean colour, and the input itself; and ``noise_std``:
    the standard deviation of a pixel in [0, 1] over 8 draws in the report's mode, averaged over
    pixels and at most 20 images.
    """
    figures = {}
    for mode in MODES:
        suffix = "" if mode == "translate" else f"_{mode}"
        found = errors(Translator(generator, mode)(inputs), targets)
        figures |= {f"val_{name}{suffix}": value for name, value in found.items()}
    figures |= trivial_figures(inputs, targets, training_targets)
    return figures | {"noise_std": noise_std(Translator(generator, "report_mode"), inputs[:20])}


def trivial_figures(inputs, targets, training_targets) -> dict[str, float]:
    """``val_l1`` and ``val_ssim`` of the trivial answers, each with its suffix."""
    figures = {}
    for answer, outputs in trivial_answers(inputs, targets, training_targets).items():
        found = errors(outputs, targets)
        figures |= {f"val_{name}_{answer}": found[name] for name in ("l1", "ssim")}
    return figures


def trivial_answers(inputs, targets, training_targets):
    """``mean_colour`` of the training targets; ``copy`` of the input, if the channels agree."""
    colour = np.mean(training_targets, axis=(0, 1, 2)) / 127.5 - 1.0  # [C]
    answers = {"mean_colour": np.broadcast_to(colour.astype(np.float32), targets.shape)}
    if inputs.shape == targets.shape:
        answers["copy"] = to_tanh_range(inputs).numpy()
    return answers


def noise_std(translate, inputs) -> float:
    """How much the noise matters: a pixel's mean standard deviation over 8 draws, in [0, 1].

    Args: translate: (uint8 images, number of the draw) -> outputs in [-1, 1].
    """
    draws = np.stack([translate(inputs, noise) / 2.0 for noise in range(NOISE_DRAWS)])
    return float(draws.std(axis=0).mean())
