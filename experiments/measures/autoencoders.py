"""The figures of the autoencoders, from a model or its SavedModel."""

import functools
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from experiments.launch.errors import UsageError
from experiments.launch.saved_models import load_saved_model
from experiments.measures.asked import named, say_left_out
from experiments.measures.codebooks import codebook_size
from tf_gen.data import ordered_batches
from tf_gen.evaluation import autoencoders as evaluation
from tf_gen.evaluation.label_control import class_figures, spread_figure, train_classifier
from tf_gen.pretrained import run_folder

GENERATED = 400  # images, of each class, that a mean is taken over


def epoch_figures(model, data, options, check) -> dict[str, float]:
    """At an epoch's end: the model's own losses and metrics on the validation images.

    Args: check: called after each batch.
    """
    watch = keras.callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: check())
    batches = ordered_batches(data.val.images, labels_of(data.val), options.batch_size)
    found = model.evaluate(batches, verbose=0, return_dict=True, callbacks=[watch])
    return named("val", found)


def labels_of(faces):
    """Their labels, where they have classes; else None."""
    return faces.labels if faces.classes else None


def vae_figures(model, data, options, asked) -> dict[str, float]:
    """When training ends, and by ``evaluate``: ELBO, reconstruction, latents and generated images
    of a VAE."""
    chosen, seed = getattr(data, asked.split), asked.seed_of(options)
    generated = model.sample(GENERATED, [options.seed, 1]).numpy()
    return {
        **_latent_figures(model, data, (chosen.images,), options, seed),
        **spread_figure("spread", generated),
        **_found_or_said(spread_figure("spread_real", chosen.images[:GENERATED]), "spread_real"),
        **sample_distances(asked, model, chosen.images, tf.constant, seed),
    }


def cvae_figures(model, data, options, asked) -> dict[str, float]:
    """The same of a conditional VAE, and whether its label controls the class."""
    chosen, seed, count = getattr(data, asked.split), asked.seed_of(options), len(data.val.classes)
    classifier = train_classifier(data.train.images, data.train.labels, count, options.seed)
    generated = np.concatenate(list(generated_by_label(model.sample, count, options.seed, 1)))

    return {
        **_latent_figures(model, data, (chosen.images, chosen.labels), options, seed),
        **_found_or_said(
            class_figures(
                classifier, chosen.images, chosen.labels, generated,
                np.repeat(np.arange(count), GENERATED),
            ), *(f"spread_real_{k}" for k in range(count)),
        ),
        **sample_distances(
            asked, model, chosen.images, lambda n: tf.range(n) % count, seed
        ),
        **_distances_by_label(asked, model, chosen, count, seed),
    }  # fmt: skip


def generated_by_label(sample, classes: int, seed: int, draw: int, count=GENERATED):
    """New images under each label in turn, float32 [count, H, W, 3]; ``draw`` tells one set from
    another."""
    for label in range(classes):
        labels = np.full(count, label, np.int32)
        yield sample(labels, [seed, draw * classes + label]).numpy()


def vq_vae_figures(model, data, options, asked) -> dict[str, float]:
    """Reconstruction and codes of a VQ-VAE, and what it makes of images that a VAE generates."""
    chosen = getattr(data, asked.split)
    outputs = evaluation.in_batches(model.reconstruct, chosen.images)
    codes = evaluation.in_batches(model.encode, chosen.images)
    errors = _reconstruction_figures(chosen.images, outputs, data)
    return {
        **_codebook_losses(model, chosen, options),
        **errors,
        "val_recon_loss": errors["val_mse"],
        **named("val", evaluation.code_figures(codes, codebook_size(options))),
        "bits_per_image": float(codes[0].size * np.log2(codebook_size(options))),
        **_generated_figures(model, options),
        **asked.compared(chosen.images, outputs),
    }


def _codebook_losses(model, chosen, options):
    names = ("loss", "codebook_loss", "commitment_loss")
    if not hasattr(model, "evaluate"):
        why = "a SavedModel gives codes, not the encoder's vectors"
        say_left_out(*(f"val_{name}" for name in names), why=why)
        return {}
    batches = ordered_batches(chosen.images, None, options.batch_size)
    found = model.evaluate(batches, verbose=0, return_dict=True)
    return {f"val_{name}": found[name] for name in names}


def _generated_figures(model, options):
    generated = generated_faces(options)
    if generated is None:
        why = f"{options.vae_run} is no longer there; " if options.vae_run else ""
        why += "give --vae-run, as evaluate takes it, too, a finished run of vae_anime"
        say_left_out("generated_mse", "generated_ssim", "their figure", why=why)
        return {}
    outputs = evaluation.in_batches(model.reconstruct, generated)
    return named("generated", evaluation.reconstruction_errors(generated, outputs))


def generated_faces(options):
    """float32 [400, H, W, 3] that the VAE of a VQ-VAE's run makes: that of ``--vae-run``, or one
    that an older version trained in the run folder; None without one."""
    run = options.vae_run or (options.run_dir and Path(options.run_dir) / "vae")
    if not run or not ((run := Path(run)) / "saved_model").is_dir() and run_folder(run) == run:
        return None
    return load_vae(run, options).sample(GENERATED, [options.seed, 1]).numpy()


def load_vae(run: Path, options):
    """The SavedModel of a VAE's run. Raises: UsageError if it is none, or of another image size."""
    vae = load_saved_model("vae-run", run, "VAE", ["sample"])
    if hasattr(vae, "class_names"):
        raise UsageError(f"--vae-run {run}: a conditional VAE; give a run of a plain one")
    height, width = vae.sample(1, [0, 0]).shape[1:3]
    if (height, width) != (options.image_size, options.image_size):
        raise UsageError(
            f"--vae-run {run}: makes images of {height} x {width}, but --image-size is "
            f"{options.image_size}"
        )
    return vae


def _latent_figures(model, data, arrays, options, seed):
    posteriors = evaluation.in_batches(model.encode, *arrays)
    outputs = evaluation.in_batches(model.reconstruct, *arrays)
    terms = evaluation.elbo_terms(
        model, posteriors, *arrays,
        batch=options.batch_size, kl_weight=options.kl_weight, seed=seed,
    )  # fmt: skip
    return {
        **named("val", terms),
        **named(
            "val", evaluation.importance_weighted_figures(model, posteriors, *arrays, seed=seed)
        ),
        **_reconstruction_figures(arrays[0], outputs, data),
        **_found_or_said(evaluation.latent_figures(*posteriors, seed), "active_units"),
    }


def _found_or_said(found: dict, *wanted: str) -> dict:
    """What is found; a line names those of the wanted that a single image cannot give."""
    if missing := [name for name in wanted if name not in found]:
        say_left_out(*missing, why="there is one image, two are needed")
    return found


def _reconstruction_figures(images, outputs, data):
    return {
        **named("val", evaluation.reconstruction_errors(images, outputs)),
        "val_mse_mean_image": evaluation.mean_image_mse(images, data.train.images),
    }


def _distances_by_label(asked, model, chosen, count, seed):
    found = {}
    for label in range(count):
        real = chosen.images[chosen.labels == label]
        same = functools.partial(np.full, fill_value=np.int32(label))
        found |= sample_distances(asked, model, real, same, seed, f"_{label}")
    return found


def sample_distances(asked, model, real, given, seed, mode=""):
    """Of as many images as there are real ones, from N(0, I) and from the fitted Gaussians.

    Args: given: a count -> what ``sample`` takes for as many; mode: as of ``Asked.compared``.
    """
    if not asked.distances:
        return {}
    found = {}
    for name, sample in samplers(model).items():
        parts = [
            sample(given(min(evaluation.BATCH, len(real) - first)), [seed, 1 + first]).numpy()
            for first in range(0, len(real), evaluation.BATCH)
        ]
        found |= asked.compared(real, np.concatenate(parts), name + mode)
    return found


def samplers(model) -> dict:
    """A VAE's ways to draw images, by the names of their figures: "" from N(0, I), "_mixture" from
    the Gaussians of ``fit_latents``, where it was called."""
    found = {"": model.sample}
    if getattr(model, "latent_fit", True) and hasattr(model, "sample_mixture"):
        found["_mixture"] = model.sample_mixture
    return found
