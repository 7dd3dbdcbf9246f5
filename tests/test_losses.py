"""Each loss against NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tf_gen import losses

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(0, 3, (2, 4, 5, 5, 1)).astype(np.float32)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x.astype(np.float64)))


DISCRIMINATOR = {
    "minimax": lambda r, f: (-np.log(sigmoid(r)).mean(), -np.log(1 - sigmoid(f)).mean()),
    "non_saturating": lambda r, f: (-np.log(sigmoid(r)).mean(), -np.log(1 - sigmoid(f)).mean()),
    "least_squares": lambda r, f: (((r - 1) ** 2).mean() / 2, (f**2).mean() / 2),
    "hinge": lambda r, f: (np.maximum(0, 1 - r).mean(), np.maximum(0, 1 + f).mean()),
}
GENERATOR = {
    "minimax": lambda f: np.log(1 - sigmoid(f)).mean(),
    "non_saturating": lambda f: -np.log(sigmoid(f)).mean(),
    "least_squares": lambda f: ((f - 1) ** 2).mean() / 2,
    "hinge": lambda f: -f.mean(),
}


@pytest.mark.parametrize("kind", losses.ADVERSARIAL)
def test_the_discriminator_loss_equals_its_formula(kind):
    np.testing.assert_allclose(
        losses.discriminator_terms(kind, REAL, FAKE), DISCRIMINATOR[kind](REAL, FAKE), rtol=1e-5
    )


@pytest.mark.parametrize("kind", losses.ADVERSARIAL)
def test_the_generator_loss_equals_its_formula(kind):
    np.testing.assert_allclose(losses.generator_term(kind, FAKE), GENERATOR[kind](FAKE), rtol=1e-5)


@pytest.mark.parametrize("kind", losses.ADVERSARIAL)
def test_logits_of_several_discriminators_give_the_sum_of_their_losses(kind):
    def nest(logits):
        return {"fine": logits, "coarse": [logits[:, :2] * 2, logits[:1, 1:] + 1]}

    def total(term, *nests):
        flat = zip(*map(tf.nest.flatten, nests), strict=True)
        return np.sum([term(*logits) for logits in flat], axis=0)

    real, fake = nest(REAL), nest(FAKE)
    np.testing.assert_allclose(
        losses.discriminator_terms(kind, real, fake),
        total(DISCRIMINATOR[kind], real, fake), rtol=1e-5,
    )  # fmt: skip
    np.testing.assert_allclose(
        losses.generator_term(kind, fake), total(GENERATOR[kind], fake), rtol=1e-5
    )


@pytest.mark.parametrize("kind", losses.ADVERSARIAL)
def test_large_logits_give_finite_losses(kind):
    huge = np.array([-1e4, 1e4], np.float32)
    assert np.isfinite(losses.discriminator_terms(kind, huge, huge)).all()
    assert np.isfinite(losses.generator_term(kind, huge))


def test_reconstruction_losses_equal_their_formulas():
    difference = REAL.astype(np.float64) - FAKE
    np.testing.assert_allclose(
        losses.reconstruction("l1", REAL, FAKE), np.abs(difference).mean(), rtol=1e-5
    )
    np.testing.assert_allclose(
        losses.reconstruction("l2", REAL, FAKE), (difference**2).mean(), rtol=1e-5
    )


OTHER_RNG = np.random.default_rng(1)
SEGMENTED = OTHER_RNG.normal(0, 3, (2, 4, 5, 5)).astype(np.float32)  # four classes, and fake
CLASSES = OTHER_RNG.choice([0, 1, 3, -1], (2, 4, 5), p=[0.6, 0.2, 0.1, 0.1])  # not 2; -1 is none
LABELS = np.float32(CLASSES[..., None] == np.arange(4))
LOG_SHARES = SEGMENTED - np.log(np.exp(np.float64(SEGMENTED)).sum(-1, keepdims=True))


def test_each_class_that_there_is_counts_alike_in_the_cross_entropy():
    expected = np.mean([-LOG_SHARES[..., c][c == CLASSES].mean() for c in (0, 1, 3)])
    found = losses.class_balanced_cross_entropy(SEGMENTED, LABELS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert losses.class_balanced_cross_entropy(SEGMENTED, 0 * LABELS) == 0.0


def test_parts_that_know_the_shares_of_the_whole_average_to_the_whole():
    shares = LABELS.mean((0, 1, 2))
    parts = [
        losses.class_balanced_cross_entropy(SEGMENTED[i : i + 1], LABELS[i : i + 1], shares)
        for i in (0, 1)
    ]
    whole = losses.class_balanced_cross_entropy(SEGMENTED, LABELS)
    np.testing.assert_allclose(np.mean(parts), whole, rtol=1e-5)


def test_of_fakes_every_pixel_counts_alike():
    expected = -LOG_SHARES[..., -1].mean()
    np.testing.assert_allclose(losses.fake_cross_entropy(SEGMENTED), expected, rtol=1e-5)


def test_label_mix_is_the_squared_distance_to_the_mixed_logits():
    mask = np.float32(CLASSES[..., None] > 0)
    other = SEGMENTED[::-1] / 2
    mixed = np.where(mask, SEGMENTED, other)
    np.testing.assert_array_equal(losses.mixed(mask, SEGMENTED, other), mixed)
    found = losses.label_mix(mask, mixed + 0.5, SEGMENTED, other)
    np.testing.assert_allclose(found, 0.25, rtol=1e-5)


def test_features_are_matched_layer_by_layer_and_several_discriminators_averaged():
    layers = [np.random.default_rng(i).normal(size=(2, 4, i + 1)) for i in range(4)]
    real = [tf.constant(layer, tf.float32) for layer in layers]
    fake = [tf.Variable(layer + 0.5 * (i + 1), dtype=tf.float32) for i, layer in enumerate(layers)]
    with tf.GradientTape() as tape:
        tape.watch(real)
        found = losses.feature_matching(real, fake)
    np.testing.assert_allclose(found, 0.5 + 1.0 + 1.5 + 2.0, rtol=1e-5)
    of_real, of_fake = tape.gradient(found, [real, fake])
    assert of_real == [None] * 4
    np.testing.assert_allclose(of_fake[3], np.full((2, 4, 4), 1 / 32), rtol=1e-5)
    several = losses.feature_matching([real[:2], real[2:]], [fake[:2], fake[2:]])
    np.testing.assert_allclose(several, (0.5 + 1.0 + 1.5 + 2.0) / 2, rtol=1e-5)


def test_the_perceptual_loss_is_the_squared_distance_of_places_of_each_block_their_mean():
    rng = np.random.default_rng(3)
    real, fake = ([rng.normal(size=(2, n, n, n)) for n in (4, 2)] for _ in range(2))
    expected = sum(((y - x) ** 2).sum(-1).mean() for y, x in zip(real, fake, strict=True))
    np.testing.assert_allclose(losses.perceptual(real, fake), expected, rtol=1e-6)


def test_the_gradient_penalty_is_half_the_squared_gradient_of_the_sum_of_all_logits():
    images = tf.constant(np.random.default_rng(0).normal(size=(3, 4, 4, 2)), tf.float32)

    def judge(x):
        return [tf.reduce_sum(x**2, axis=3), 3.0 * x]  # gradients 2 x and 3

    expected = 0.5 * ((2 * images + 3) ** 2).numpy().sum(axis=(1, 2, 3)).mean()
    np.testing.assert_allclose(losses.gradient_penalty(judge, images), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "call",
    [
        lambda: losses.discriminator_terms("other", REAL, FAKE),
        lambda: losses.generator_term("other", FAKE),
        lambda: losses.reconstruction("other", REAL, FAKE),
    ],
)
def test_an_unknown_loss_is_refused_with_the_choices(call):
    with pytest.raises(ValueError, match="'other' is not one of"):
        call()


IMAGES = RNG.uniform(0, 1, (3, 4, 5, 2)).astype(np.float32)
LOGITS = RNG.normal(0, 3, IMAGES.shape).astype(np.float32)


def test_the_cross_entropy_is_that_of_each_image_summed_over_its_pixels():
    p = sigmoid(LOGITS)
    terms = -(IMAGES * np.log(p) + (1 - IMAGES) * np.log(1 - p))
    found = losses.binary_cross_entropy(IMAGES, LOGITS)
    np.testing.assert_allclose(found, [image.sum() for image in terms], rtol=1e-5)


def test_the_cross_entropy_of_black_and_white_is_the_likelihood_of_coins():
    coins = (IMAGES > 0.5).astype(np.float32)
    expected = -stats.bernoulli.logpmf(coins, sigmoid(LOGITS)).sum((1, 2, 3))
    np.testing.assert_allclose(losses.binary_cross_entropy(coins, LOGITS), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(2, 8, 8, 3), (5, 6)])
def test_the_cross_entropy_of_grey_is_log_2_a_pixel(shape):
    found = losses.binary_cross_entropy(np.full(shape, 0.5), np.zeros(shape))
    expected = np.full(shape[0], np.prod(shape[1:]) * np.log(2))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "pixel, logit, expected", [(0, 100, 100), (1, -100, 100), (0.25, 100, 75), (1, 100, 0)]
)
def test_the_cross_entropy_and_its_gradient_stay_finite_for_large_logits(pixel, logit, expected):
    images, logits = tf.fill([1, 1], float(pixel)), tf.fill([1, 1], float(logit))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        found = losses.binary_cross_entropy(images, logits)
    np.testing.assert_allclose(found, [expected], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(found, logits), [[(logit > 0) - pixel]], atol=1e-6)


MEANS = RNG.normal(0, 2, (3, 4))
LOG_VARS = RNG.normal(0, 1, (3, 4))


def kl(m, s):
    return (np.exp(s) + m**2 - 1 - s) / 2


@pytest.mark.parametrize("axis", [-1, (), 0, (0, 1)])
def test_the_divergence_equals_its_closed_form_summed_over_the_axes_asked_for(axis):
    found = losses.gaussian_kl(MEANS, LOG_VARS, axis=axis)
    np.testing.assert_allclose(found, kl(MEANS, LOG_VARS).sum(axis=axis), rtol=1e-5)
    assert found.dtype == tf.float32


@pytest.mark.parametrize("mean, log_var", [(0.7, -0.5), (-1.2, 0.4)])
def test_the_divergence_is_the_mean_log_ratio_of_the_densities(mean, log_var):
    posterior = stats.norm(mean, np.exp(log_var / 2))
    z = posterior.rvs(200_000, random_state=0)
    ratios = posterior.logpdf(z) - stats.norm.logpdf(z)
    found = float(losses.gaussian_kl([mean], [log_var]))
    assert abs(found - ratios.mean()) < 4 * ratios.std() / np.sqrt(len(z))


def test_the_divergence_of_the_standard_normal_is_zero_and_flat():
    zeros = tf.zeros([2, 5])
    with tf.GradientTape() as tape:
        tape.watch(zeros)
        found = losses.gaussian_kl(zeros, zeros)
    np.testing.assert_array_equal(found, [0, 0])
    np.testing.assert_array_equal(tape.gradient(found, zeros), np.zeros((2, 5)))


def test_the_divergences_gradient_is_the_mean_and_half_the_excess_variance():
    mean, log_var = tf.constant(MEANS, tf.float32), tf.constant(LOG_VARS, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([mean, log_var])
        found = losses.gaussian_kl(mean, log_var)
    by_mean, by_log_var = tape.gradient(found, [mean, log_var])
    np.testing.assert_allclose(by_mean, MEANS, rtol=1e-6)
    np.testing.assert_allclose(by_log_var, (np.exp(LOG_VARS) - 1) / 2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("function", [losses.binary_cross_entropy, losses.gaussian_kl])
def test_losses_are_float32_of_bfloat16_inputs(function):
    values = [tf.constant(x, tf.bfloat16) for x in (IMAGES[:, 0, 0], LOGITS[:, 0, 0])]
    found = function(*values)
    assert found.dtype == tf.float32
    expected = function(*[tf.cast(x, tf.float32) for x in values])
    np.testing.assert_array_equal(found, expected)


# The importance-weighted bound -----------------------------------------------------------

NOISE = 0.7  # the deviation of a linear decoder, x = z W + noise
WAYS = np.array([[2, 0, 1, 0, 0], [0, 1, 0, 0, -1]], np.float32)  # W: orthogonal, so that the
POINTS = np.random.default_rng(4).normal(size=(3, 5)).astype(np.float32)  # latents stay apart


def exact_log_likelihood():
    """log N(x; 0, W'W + s^2 I) of each point."""
    return stats.multivariate_normal(None, WAYS.T @ WAYS + NOISE**2 * np.eye(5)).logpdf(POINTS)


def bound_of(samples, widened=1.0, copies=1):
    """float32 [copies, 3], from N with the exact posterior's mean and ``widened`` variance."""
    points = np.tile(POINTS, (copies, 1))
    variance = 1.0 / (1.0 + np.sum(WAYS**2, axis=1) / NOISE**2)
    mean = tf.constant(points @ WAYS.T * variance / NOISE**2, tf.float32)
    log_var = tf.zeros_like(mean) + np.log(widened * variance).astype(np.float32)

    def log_likelihood(z):
        square = tf.reduce_sum((points - z @ WAYS) ** 2, axis=-1) / NOISE**2
        return -0.5 * (square + 5 * np.log(2 * np.pi * NOISE**2))

    @tf.function
    def bound():
        return losses.importance_weighted_bound(
            log_likelihood,
            lambda i: mean + tf.exp(log_var / 2) * tf.random.stateless_normal(mean.shape, [0, i]),
            mean, log_var, samples,
        )  # fmt: skip

    return np.reshape(bound(), [copies, 3])


@pytest.mark.parametrize("samples", [1, 5])
def test_from_the_exact_posterior_the_importance_weighted_bound_is_the_likelihood(samples):
    np.testing.assert_allclose(bound_of(samples), exact_log_likelihood()[None], rtol=1e-5)


def test_from_another_it_rises_from_the_elbo_towards_the_likelihood():
    exact = exact_log_likelihood()
    divergence = 2 * 0.5 * (3.0 - 1 - np.log(3.0))  # KL(q || p) of two latents
    one, eight, many = (
        bound_of(samples, widened=3.0, copies=copies).mean(axis=0)
        for samples, copies in ((1, 20_000), (8, 4000), (20_000, 1))
    )
    np.testing.assert_allclose(one, exact - divergence, atol=0.03)
    np.testing.assert_allclose(many, exact, atol=0.03)
    assert (one + 0.3 < eight).all() and (eight + 0.03 < many).all()
