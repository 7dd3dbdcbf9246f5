"""The CVAE: what a VAE does (test_vae.py), told the class of each image."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen import CVAE
from tf_gen.errors import UserError

IMAGES = np.random.default_rng(0).uniform(0, 1, (5, 16, 16, 3)).astype(np.float32)
LABELS = np.array([0, 1, 2, 1, 0])
OTHERS = np.array([2, 0, 1, 2, 1])


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    model = CVAE(3, 16, latent_dim=4, filters=(4, 4, 8))
    model.compile(keras.optimizers.SGD(1e-4))
    model.optimizer.build(model.trainable_variables)
    return model


def with_known_heads(**options):
    """All weights 0: Q(z|X, c) is N(0.5, exp(-1)), each logit -1."""
    model = CVAE(3, 16, latent_dim=4, filters=(4, 4, 8), **options)
    model.compile(keras.optimizers.SGD(1e-4))
    for variable in model.trainable_variables:
        variable.assign(np.zeros(variable.shape))
    model.decoder.output_convolution.bias.assign([-1.0] * 3)
    model.mean_head.bias.assign([0.5] * 4)
    model.log_var_head.bias.assign([-1.0] * 4)
    return model


KL = 4 * 0.5 * (np.exp(-1.0) + 0.5**2 - 1 + 1.0)


def test_the_loss_is_summed_over_pixels_and_latents_and_averaged_over_images():
    logs = with_known_heads(kl_weight=0.25).test_step((IMAGES, LABELS))
    p = 1 / (1 + np.exp(1.0))
    recon = -(IMAGES * np.log(p) + (1 - IMAGES) * np.log(1 - p)).sum() / 5
    found = [logs["recon_loss"], logs["kl_loss"], logs["loss"]]
    np.testing.assert_allclose(found, [recon, KL, recon + 0.25 * KL], rtol=1e-5)


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (5, 500.0), (10, 1000.0), (99, 1000.0)])
def test_the_weight_of_the_divergence_rises_over_the_first_steps_but_not_in_evaluation(
    step, weight
):
    model = with_known_heads(kl_weight=1000.0, kl_warmup_steps=10)
    model.optimizer.iterations.assign(step)
    evaluated, trained = model.test_step((IMAGES, LABELS)), model.train_step((IMAGES, LABELS))
    for logs, expected in ((evaluated, 1000.0), (trained, weight)):
        used = (logs["loss"] - logs["recon_loss"]) / logs["kl_loss"]
        np.testing.assert_allclose(used, expected, atol=0.01)


def test_the_importance_weighted_bound_is_the_likelihood_given_the_label():
    model = with_known_heads()
    model.mean_head.bias.assign([0.0] * 4)  # the prior, which is exact: the decoder heeds no latent
    model.log_var_head.bias.assign([0.0] * 4)
    found = model.importance_weighted_bound(IMAGES, LABELS, 4)
    p = 1 / (1 + np.exp(1.0))
    exact = (IMAGES * np.log(p) + (1 - IMAGES) * np.log(1 - p)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, exact, rtol=1e-5)


def test_the_encoder_and_the_decoder_each_see_the_label(model):
    mean = model.encode(IMAGES, LABELS)[0].numpy()
    assert (mean != model.encode(IMAGES, OTHERS)[0].numpy()).all()
    images = model.decode(mean, LABELS).numpy()
    assert (images != model.decode(mean, OTHERS).numpy()).any(axis=(1, 2, 3)).all()


def test_call_predict_and_reconstruct_decode_the_mean_from_arrays_and_datasets(model):
    expected = model.decode(model.encode(IMAGES, LABELS)[0], LABELS).numpy()
    np.testing.assert_array_equal(model.reconstruct(IMAGES, LABELS), expected)
    np.testing.assert_array_equal(model((IMAGES, LABELS)), expected)
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(2)
    for given in ((IMAGES, LABELS), dataset):
        found = model.predict(given, batch_size=None if given is dataset else 2, verbose=0)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_other_labels_give_other_predictions_and_figures(model):
    found, other = (model.predict((IMAGES, y), verbose=0) for y in (LABELS, OTHERS))
    assert (found != other).any(axis=(1, 2, 3)).all()
    figures = [
        model.evaluate(*given, verbose=0)
        for given in [(IMAGES, LABELS), ((IMAGES, LABELS),), (IMAGES, OTHERS)]
    ]
    assert figures[0] == figures[1] != figures[2]


def test_fit_takes_labels_beside_the_images_or_with_them(model):
    start, ends = model.get_weights(), []
    for given in [(IMAGES, LABELS), ((IMAGES, LABELS),), (IMAGES, OTHERS)]:
        model.set_weights(start)
        model.optimizer.iterations.assign(0)
        model.fit(*given, shuffle=False, verbose=0, validation_data=(IMAGES, LABELS))
        ends.append([v.numpy() for v in model.trainable_variables])
    model.set_weights(start)
    for beside, together in zip(ends[0], ends[1], strict=True):
        np.testing.assert_array_equal(beside, together)
    assert any((a != b).any() for a, b in zip(ends[0], ends[2], strict=True))


def test_samples_are_determined_by_their_seed_their_place_and_their_label(model):
    samples = model.sample(LABELS, seed=2).numpy()
    assert samples.shape == (5, 16, 16, 3) and len(np.unique(samples[:, 0, 0, 0])) == 5
    np.testing.assert_allclose(samples[:2], model.sample(LABELS[:2], seed=2), atol=1e-6)
    np.testing.assert_array_equal(samples, model.sample(LABELS, seed=tf.constant([2, 0])))
    for other in (model.sample(LABELS, seed=3), model.sample(OTHERS, seed=2)):
        assert (samples != other.numpy()).any(axis=(1, 2, 3)).all()


def test_equal_seeds_give_equal_latents_under_different_labels(model):
    kernel = model.widening.kernel.numpy()  # [4 latents + 3 classes, ...]
    model.widening.kernel.assign(np.concatenate([kernel[:4], np.zeros_like(kernel[4:])]))
    same = model.sample(LABELS, seed=2), model.sample(OTHERS, seed=2)
    model.widening.kernel.assign(kernel)
    np.testing.assert_array_equal(*same)


def test_interpolation_goes_from_one_reconstruction_to_the_other_its_label_too(model):
    first, second, a, b = IMAGES[:2], IMAGES[1:3], LABELS[:2], LABELS[1:3]
    found = model.interpolate(first, second, a, b, steps=5).numpy()
    assert found.shape == (2, 5, 16, 16, 3)
    np.testing.assert_allclose(found[:, 0], model.reconstruct(first, a), atol=1e-6)
    np.testing.assert_allclose(found[:, 4], model.reconstruct(second, b), atol=1e-6)
    still = model.interpolate(first, first, a, a, steps=3).numpy()
    np.testing.assert_allclose(still[:, 1], still[:, 0], atol=1e-6)
    classes = model.interpolate(first, first, a, b, steps=3).numpy()
    assert (classes[:, 0] != classes[:, 1]).any() and (classes[:, 1] != classes[:, 2]).any()


# Mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES, LABELS + 1, r"labels lie in 1 \.\.\. 3, but the model has 3 classes: 0 \.\.\. 2"),
        (IMAGES, LABELS - 1, r"labels lie in -1 \.\.\. 1"),
        (IMAGES, LABELS / 2, "labels must be integers, got float64"),
        (IMAGES, np.eye(3, dtype="float32")[LABELS], "labels must be integers, got float32"),
        (IMAGES * 255, LABELS, "divide 8-bit images by 255"),
        (np.uint8(IMAGES * 255), LABELS, r"values \(uint8\)"),
        (IMAGES[:, :8], LABELS, r"\[B, 16, 16, 3\], got \[B, 8, 16, 3\]"),
    ],
)
def test_fit_names_what_is_wrong_with_the_first_batch(model, images, labels, message):
    dataset = tf.data.Dataset.from_tensors((images, labels))
    for given in [(images, labels), ((images, labels),), (dataset,)]:
        with pytest.raises(UserError, match=message):
            model.fit(*given, shuffle=False, verbose=0)


@pytest.mark.parametrize(
    "use",
    [
        lambda model, labels: model.sample(labels),
        lambda model, labels: model.encode(IMAGES, labels),
        lambda model, labels: model((IMAGES, labels)),
        lambda model, labels: model.train_step((IMAGES, labels)),
    ],
)
@pytest.mark.parametrize("wrong", [3, -1])
def test_a_label_out_of_range_is_refused_in_a_graph_with_the_range(model, use, wrong):
    labels = tf.constant([0, 1, 2, 1, wrong])
    before = model.get_weights()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"labels must lie in 0 \.\.\. 2, got"):
        tf.function(lambda labels: use(model, labels))(labels)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_latents_of_another_width_are_refused(model):
    with pytest.raises(UserError, match=r"latents must have the shape \[B, 4\], got \[B, 5\]"):
        model.decode(np.zeros((2, 5)), [0, 1])


def test_a_size_that_cannot_be_halved_twice_is_refused():
    with pytest.raises(UserError, match="both must be multiples of 4: got 18 x 18"):
        CVAE(3, 18)
