"""The VAE: its loss against known answers, its noise, and what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen import VAE
from tf_gen.errors import UserError

IMAGES = np.random.default_rng(0).uniform(0, 1, (3, 16, 16, 3)).astype(np.float32)


def small(size=16, compiled=True, **options):
    keras.utils.set_random_seed(3)
    model = VAE(size, latent_dim=4, filters=(4, 4, 8), **options)
    if compiled:
        model.compile(keras.optimizers.SGD(1e-4))
    return model


def with_known_heads(output_bias=(0.0, 0.0, 0.0), mean=0.0, log_var=0.0, size=16, **options):
    """All weights 0: Q(z|X) is N(mean, exp(log_var)), each logit the output's bias."""
    model = small(size, **options)
    for variable in model.trainable_variables:
        variable.assign(np.zeros(variable.shape))
    model.decoder.output_convolution.bias.assign(output_bias)
    model.mean_head.bias.assign([mean] * 4)
    model.log_var_head.bias.assign([log_var] * 4)
    return model


def losses_of(model, images=IMAGES):
    return {key: float(value) for key, value in model.test_step(images).items()}


# The negative ELBO -------------------------------------------------------------------------


def test_the_cross_entropy_is_summed_over_pixels_and_averaged_over_images():
    bias = np.array([-1.0, 0.5, 2.0])
    found = losses_of(with_known_heads(bias))
    p = 1 / (1 + np.exp(-bias))
    terms = -(IMAGES * np.log(p) + (1 - IMAGES) * np.log(1 - p))  # float64 [3, 16, 16, 3]
    np.testing.assert_allclose(found["recon_loss"], terms.sum() / 3, rtol=1e-5)
    assert found["kl_loss"] == 0 and found["loss"] == found["recon_loss"]


def test_twice_the_area_is_twice_the_reconstruction_loss_twice_the_images_the_same():
    bias = (-1.0, 0.5, 2.0)
    one = losses_of(with_known_heads(bias))["recon_loss"]
    wide = losses_of(with_known_heads(bias, size=(16, 32)), np.tile(IMAGES, (1, 1, 2, 1)))
    many = losses_of(with_known_heads(bias), np.tile(IMAGES, (2, 1, 1, 1)))
    np.testing.assert_allclose([wide["recon_loss"], many["recon_loss"]], [2 * one, one], rtol=1e-5)


@pytest.mark.parametrize("kl_weight", [1.0, 0.25])
def test_the_divergence_is_summed_over_latents_and_weighted_in_the_loss(kl_weight):
    found = losses_of(with_known_heads(mean=0.5, log_var=-1.0, kl_weight=kl_weight))
    kl = 4 * 0.5 * (np.exp(-1.0) + 0.5**2 - 1 + 1.0)
    np.testing.assert_allclose(found["kl_loss"], kl, rtol=1e-6)
    expected = found["recon_loss"] + kl_weight * kl
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-6)


def test_a_log_variance_above_its_bound_counts_as_the_bound_and_is_drawn_down():
    model = with_known_heads(log_var=30.0)
    np.testing.assert_allclose(losses_of(model)["kl_loss"], 2 * (np.exp(2.0) - 3.0), rtol=1e-5)
    model.train_step(IMAGES)
    assert (model.log_var_head.bias.numpy() < 30).all()


def test_free_bits_of_each_latent_are_for_nothing_in_training_alone():
    divergence = 0.5 * (np.exp(-1.0) + 0.5**2 - 1 + 1.0)  # 0.31 nats of each latent
    for free_bits, counted in ((0.2, divergence), (0.5, 0.5)):
        model = with_known_heads(mean=0.5, log_var=-1.0, free_bits=free_bits)
        evaluated, trained = model.test_step(IMAGES), model.train_step(IMAGES)
        for logs, expected in ((evaluated, divergence), (trained, counted)):
            np.testing.assert_allclose(logs["kl_loss"], 4 * divergence, rtol=1e-5)
            np.testing.assert_allclose(logs["loss"] - logs["recon_loss"], 4 * expected, atol=0.001)
        pulled = (model.mean_head.bias.numpy() != np.float32(0.5)).any()
        assert pulled == (free_bits < divergence)  # the decoder's weights are 0


@pytest.mark.parametrize("samples", [1, 16])
def test_where_the_posterior_is_exact_the_importance_weighted_bound_is_the_likelihood(samples):
    bias = np.array([-1.0, 0.5, 2.0])
    found = with_known_heads(bias).importance_weighted_bound(IMAGES, samples)
    p = 1 / (1 + np.exp(-bias))
    exact = (IMAGES * np.log(p) + (1 - IMAGES) * np.log(1 - p)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(found, exact, rtol=1e-5)


def test_the_importance_weighted_bound_rises_with_its_samples_from_the_elbo():
    model = small()
    elbo = -losses_of(model)["loss"]
    one, many = (np.mean(model.importance_weighted_bound(IMAGES, n)) for n in (1, 50))
    assert many > one and one == pytest.approx(elbo, rel=1e-3)


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (5, 1.0), (10, 2.0), (99, 2.0)])
def test_the_weight_of_the_divergence_rises_over_the_first_steps_but_not_in_evaluation(
    step, weight
):
    model = with_known_heads(mean=30.0, kl_weight=2.0, kl_warmup_steps=10)
    for found, expected in ((losses_of(model), 2.0), (None, weight)):
        model.optimizer.iterations.assign(step)
        found = found or {key: float(v) for key, v in model.train_step(IMAGES).items()}
        used = (found["loss"] - found["recon_loss"]) / found["kl_loss"]
        np.testing.assert_allclose(used, expected, atol=1e-5)


def test_z_is_drawn_from_the_posterior_in_training_by_seed_and_step():
    def first_step(seed=0, step=0):
        model = small(seed=seed, normalization="none")
        model.log_var_head.bias.assign([2.0] * 4)
        model.optimizer.iterations.assign(step)
        return float(model.train_step(IMAGES)["recon_loss"])

    assert first_step() == first_step()
    assert len({first_step(), first_step(seed=1), first_step(step=1)}) == 3


def test_an_examples_noise_belongs_to_its_place_in_the_batch():
    model = small(normalization="none")
    model.log_var_head.bias.assign([2.0] * 4)

    def second(first, other):  # the loss of the second of two images
        return (
            2 * losses_of(model, IMAGES[[first, other]])["loss"]
            - losses_of(model, IMAGES[[first]])["loss"]
        )

    np.testing.assert_allclose(second(0, 1), second(2, 1), rtol=1e-5)
    assert abs(second(0, 0) - losses_of(model, IMAGES[[0]])["loss"]) > 0.1


# Use ---------------------------------------------------------------------------------------


def test_call_predict_and_reconstruct_decode_the_mean():
    model = small()
    mean, log_var = model.encode(IMAGES)
    assert mean.shape == log_var.shape == (3, 4)
    expected = model.decode(mean).numpy()
    assert expected.shape == IMAGES.shape and 0 < expected.min() < expected.max() < 1
    np.testing.assert_array_equal(model.reconstruct(IMAGES), expected)
    np.testing.assert_array_equal(model(IMAGES), expected)
    np.testing.assert_allclose(model.predict(IMAGES, batch_size=2, verbose=0), expected, atol=1e-6)


def test_training_normalises_by_the_batch_and_inference_by_the_moving_statistics():
    model = small()
    assert (model(IMAGES, training=True).numpy() != model(IMAGES).numpy()).any()


def test_samples_are_determined_by_their_seed_and_their_place():
    model = small()
    samples = model.sample(5, seed=2).numpy()
    assert samples.shape == (5, 16, 16, 3) and len(np.unique(samples[:, 0, 0, 0])) == 5
    np.testing.assert_allclose(samples[:2], model.sample(2, seed=2), atol=1e-6)
    np.testing.assert_array_equal(samples, model.sample(5, seed=tf.constant([2, 0])))
    assert (samples != model.sample(5, seed=3).numpy()).any()
    assert (samples != model.sample(5, seed=[2, 1]).numpy()).any()


def test_latents_of_samples_are_standard_normal():
    model = small(compiled=False)
    model.decode = lambda latents: latents
    drawn = tf.function(model.sample)(1000, seed=1).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), np.eye(4), atol=0.15)


def test_interpolation_goes_straight_from_one_reconstruction_to_the_other():
    model, first, second = small(), IMAGES[:2], IMAGES[1:]
    found = model.interpolate(first, second, steps=5).numpy()
    assert found.shape == (2, 5, 16, 16, 3)
    np.testing.assert_allclose(found[:, 0], model.reconstruct(first), atol=1e-6)
    np.testing.assert_allclose(found[:, 4], model.reconstruct(second), atol=1e-6)
    middle = (model.encode(first)[0] + model.encode(second)[0]) / 2
    np.testing.assert_allclose(found[:, 2], model.decode(middle), atol=1e-6)


@pytest.mark.parametrize(("pool_last", "grid"), [(False, (4, 6, 8)), (True, (2, 3, 8))])
def test_images_need_not_be_square_and_pool_last_halves_once_more(pool_last, grid):
    model = small((16, 24), pool_last=pool_last, compiled=False)
    assert model.grid == grid
    assert model.sample(1).shape == (1, 16, 24, 3)


# Mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            IMAGES * 255,
            r"\(float32\) lie in \[.*\], but the model takes floats in \[0, 1\]: divide",
        ),
        (IMAGES * 2 - 1, r"values \(float32\) lie in \[-"),
        (np.uint8(IMAGES * 255), r"values \(uint8\) lie in .* divide 8-bit images by 255"),
        (IMAGES * np.nan, r"values that are no numbers \(nan\)"),
        (IMAGES[:, :8], r"images must have the shape \[B, 16, 16, 3\], got \[B, 8, 16, 3\]"),
        (IMAGES[..., :1], r"images must have the shape \[B, 16, 16, 3\], got \[B, 16, 16, 1\]"),
        (IMAGES[0], r"images must have the shape \[B, 16, 16, 3\], got \[B, 16, 3\]"),
    ],
)
def test_fit_names_what_is_wrong_with_the_first_batch(given, message):
    with pytest.raises(UserError, match=message):
        small().fit(given, verbose=0)
    with pytest.raises(UserError, match=message):
        small().fit(tf.data.Dataset.from_tensors(given), shuffle=False, verbose=0)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda model: model.decode(np.zeros((2, 5))), r"latents .* \[B, 4\], got \[B, 5\]"),
        (lambda model: model.encode(IMAGES[:, 1:]), r"\[B, 16, 16, 3\], got \[B, 15, 16, 3\]"),
    ],
)
def test_a_wrong_shape_is_refused_with_the_right_one(use, message):
    with pytest.raises(UserError, match=message):
        use(small(compiled=False))


@pytest.mark.parametrize(
    ("size", "options", "factor"), [(18, {}, 4), ((16, 2), {}, 4), (20, {"pool_last": True}, 8)]
)
def test_a_size_that_cannot_be_halved_so_often_is_refused(size, options, factor):
    with pytest.raises(UserError, match=f"both must be multiples of {factor}: got"):
        VAE(size, **options)


def test_an_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match="normalization 'x' is not one of batch, sync_batch, none"):
        VAE(16, normalization="x")
