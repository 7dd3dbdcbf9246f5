"""The autoencoders as SavedModels."""

import tensorflow as tf

from ._checks import in_unit_range, not_negative, of_multiples
from ._saving import save


def export_vae(model, folder):
    """Write a ``VAE`` as a SavedModel that loads with plain ``tf.saved_model.load``.

    Images whose values are plainly of another range, such as 0 ... 255, are refused. Functions of
    the loaded object, which are signatures too (there outputs have names):

    - ``reconstruct(images)``, also ``serving_default``: float32 [B, H, W, C] in [0, 1] -> the
      same, ``outputs``, from the mean of Q(z|X): deterministic;
    - ``encode(images)`` -> ``z_mean``, ``z_log_var``, float32 [B, D];
    - ``decode(latents)``: float32 [B, D] -> ``outputs``, images;
    - ``sample(count, seed)``: int32 and int32 [2] -> ``outputs``, images [count, H, W, C].

    After ``model.fit_latents`` also

    - ``sample_mixture(count, seed)``: as ``sample``, from the Gaussians that were fitted;
    - ``directions(count)``: int32 -> ``latents``, float32 [count, D], to add to others.
    """
    save(folder, model.variables, vae_functions(model), default="reconstruct")


def vae_functions(model):
    """What ``export_vae`` saves: name -> (``tf.function``, names of its outputs)."""
    images = tf.TensorSpec([None, *model.image_size, model.channels], tf.float32)
    latents = tf.TensorSpec([None, model.latent_dim], tf.float32)
    count, seed = tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)
    return {
        "reconstruct": (
            _function(lambda images: model.reconstruct(in_unit_range(images)), images),
            ["outputs"],
        ),
        "encode": (
            _function(lambda images: model.encode(in_unit_range(images)), images),
            ["z_mean", "z_log_var"],
        ),
        "decode": (_function(lambda latents: model.decode(latents), latents), ["outputs"]),
        "sample": (
            _function(lambda count, seed: model.sample(count, seed), count, seed), ["outputs"],
        ),
        **_of_fitted_latents(
            model,
            _function(lambda count, seed: model.sample_mixture(count, seed), count, seed),
        ),
    }  # fmt: skip


def export_cvae(model, folder, class_names=()):
    """Write a ``CVAE`` as a SavedModel: as ``export_vae``, each function with labels.

    ``labels`` are int32 [B] in 0 ... num_classes - 1, else the call fails and says so:
    ``reconstruct(images, labels)``, ``encode(images, labels)``, ``decode(latents, labels)``,
    ``sample(labels, seed)``, after ``model.fit_latents`` also ``sample_mixture(labels, seed)`` and
    ``directions(count)``. ``class_names()`` (no signature): string [num_classes].

    Args: class_names: what the labels stand for; () calls them 0, 1, ...
    """
    names = list(class_names) or [str(label) for label in range(model.num_classes)]
    images = tf.TensorSpec([None, *model.image_size, model.channels], tf.float32)
    latents = tf.TensorSpec([None, model.latent_dim], tf.float32)
    labels, seed = tf.TensorSpec([None], tf.int32), tf.TensorSpec([2], tf.int32)
    functions = {
        "reconstruct": (
            _function(
                lambda images, labels: model.reconstruct(in_unit_range(images), labels),
                images, labels,
            ), ["outputs"],
        ),
        "encode": (
            _function(
                lambda images, labels: model.encode(in_unit_range(images), labels),
                images, labels,
            ), ["z_mean", "z_log_var"],
        ),
        "decode": (
            _function(lambda latents, labels: model.decode(latents, labels), latents, labels),
            ["outputs"],
        ),
        "sample": (
            _function(lambda labels, seed: model.sample(labels, seed), labels, seed), ["outputs"],
        ),
        **_of_fitted_latents(
            model,
            _function(lambda labels, seed: model.sample_mixture(labels, seed), labels, seed),
        ),
    }  # fmt: skip
    extra = {"class_names": _function(lambda: tf.constant(names))}
    save(folder, model.variables, functions, default="reconstruct", extra=extra)


def _of_fitted_latents(model, sample):
    """What a model can do after ``fit_latents``. Args: sample: its ``sample_mixture``."""
    if model.latent_fit is None:
        return {}
    directions = _function(lambda count: model.directions(count), tf.TensorSpec([], tf.int32))
    found = {"directions": (directions, ["latents"])}
    return found | (
        {"sample_mixture": (sample, ["outputs"])} if model.latent_fit.weights.size else {}
    )


def export_vq_vae(model, folder):
    """Write a ``VQVAE`` as a SavedModel that loads with plain ``tf.saved_model.load``.

    - ``reconstruct(images)``, also ``serving_default``: float32 [B, H, W, C] in [0, 1] -> the
      same, ``outputs``; H and W multiples of the encoder's factor;
    - ``encode(images)`` -> ``codes``, int32 [B, h, w], or [B, h, w, N] of a residual quantiser;
    - ``decode(codes)``: the same, in 0 ... codes - 1 -> ``outputs``, images.
    """
    images = tf.TensorSpec([None, None, None, model.channels], tf.float32)
    codes = tf.TensorSpec([None, None, None, *model.quantizer.code_shape], tf.int32)

    def checked(images):
        return in_unit_range(of_multiples(images, model.encoder.factor))

    functions = {
        "reconstruct": (
            _function(lambda images: model.reconstruct(checked(images)), images), ["outputs"],
        ),
        "encode": (_function(lambda images: model.encode(checked(images)), images), ["codes"]),
        "decode": (_function(lambda codes: model.decode(codes), codes), ["outputs"]),
    }  # fmt: skip
    save(folder, model.variables, functions, default="reconstruct")


def export_code_prior(model, folder):
    """Write a ``CodePrior`` that has a VQ-VAE as a SavedModel.

    - ``sample(count, seed)``, also ``serving_default``: int32 and int32 [2] -> ``outputs``, images
      [count, H, W, C] in [0, 1];
    - ``sample_codes(count, seed, temperature)`` -> ``codes``, int32 [count, h, w];
    - ``log_prob(codes)``: int32 [B, h, w] -> ``log_probs``, float32 [B], in nats;
    - ``encode(images)`` -> ``codes`` and ``decode(codes)`` -> ``outputs``, by the VQ-VAE.

    With num_classes, ``labels``, int32 [B], stand in the place of the count, and behind the codes
    of ``log_prob``.
    """
    save(folder, model.variables, code_prior_functions(model), default="sample")


def code_prior_functions(model):
    """What ``export_code_prior`` saves: name -> (``tf.function``, names of its outputs)."""
    vq_vae, labelled = model.vq_vae, bool(model.num_classes)
    images = tf.TensorSpec([None, None, None, vq_vae.channels], tf.float32)
    codes = tf.TensorSpec([None, *model.grid], tf.int32)
    labels, count = tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)
    seed, temperature = tf.TensorSpec([2], tf.int32), tf.TensorSpec([], tf.float32)

    def checked(images):
        return in_unit_range(of_multiples(images, vq_vae.encoder.factor))

    if labelled:
        sampling = {
            "sample": lambda labels, seed: model.sample(tf.size(labels), seed, labels=labels),
            "sample_codes": lambda labels, seed, temperature: model.sample_codes(
                tf.size(labels), seed, not_negative(temperature), labels
            ),
            "log_prob": lambda codes, labels: model.log_prob(codes, labels),
        }
    else:
        sampling = {
            "sample": lambda count, seed: model.sample(count, seed),
            "sample_codes": lambda count, seed, temperature: model.sample_codes(
                count, seed, not_negative(temperature)
            ),
            "log_prob": lambda codes: model.log_prob(codes),
        }
    first, given = (labels, [codes, labels]) if labelled else (count, [codes])
    return {
        "sample": (_function(sampling["sample"], first, seed), ["outputs"]),
        "sample_codes": (
            _function(sampling["sample_codes"], first, seed, temperature), ["codes"],
        ),
        "log_prob": (_function(sampling["log_prob"], *given), ["log_probs"]),
        "encode": (_function(lambda images: model.encode(checked(images)), images), ["codes"]),
        "decode": (_function(lambda codes: model.decode(codes), codes), ["outputs"]),
    }  # fmt: skip


def _function(function, *specs):
    return tf.function(function, input_signature=list(specs))
