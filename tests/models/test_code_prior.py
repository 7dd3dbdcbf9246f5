"""The prior over codes: a probability, autoregressive, and drawn from as it says."""

import itertools
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen import VQVAE, CodePrior
from tf_gen.errors import UserError
from tf_gen.layers import (
    ResidualQuantizer,
    VectorQuantizer,
    example_seeds,
    example_uniform,
)

RNG = np.random.default_rng(0)
K, GRID = 5, (3, 4)
CODES = RNG.integers(0, K, (6, *GRID)).astype(np.int32)


def small(**options):
    """A prior whose opinions are strong: its weights are far from 0."""
    keras.utils.set_random_seed(3)
    model = CodePrior(**{"codes": K, "grid": GRID, "width": 8, "depth": 3, **options})
    for variable in (v for v in model.trainable_variables if v.name != "bias"):
        variable.assign(keras.random.normal(variable.shape, stddev=0.5))
    return model


@pytest.fixture(scope="module")
def prior():
    return small(kernel=(3, 3))


@pytest.fixture(scope="module")
def conditional():
    return small(num_classes=2)


@pytest.fixture(scope="module")
def tiny():
    """Of two codes on 2 x 2 places: few enough to write all grids down."""
    return small(codes=2, grid=2)


ALL_GRIDS = np.array([*itertools.product([0, 1], repeat=4)], np.int32).reshape(16, 2, 2)


# A probability -----------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [(2, 3), (3, 1)])
def test_what_is_said_of_a_code_depends_on_those_before_it_and_on_no_other(kernel):
    """Each place in turn is given each code: it shows at later places alone, at the next first."""
    model, places = small(kernel=kernel), GRID[0] * GRID[1]
    changed = np.tile(CODES[0].reshape(places), (places, K, 1))
    changed[range(places), :, range(places)] = np.arange(K)
    logits = model(changed.reshape(-1, *GRID)).numpy().reshape(places, K, places, K)
    moved = np.ptp(logits, axis=1).max(-1)  # [changed place, place]
    for place in range(places):
        assert (moved[place, : place + 1] < 1e-5).all(), place
        if (place + 1) % GRID[1]:
            assert moved[place, place + 1] > 1e-3, place
        assert (moved[place, place + GRID[1] :: GRID[1]] > 1e-4).all(), place  # straight below
    if kernel == (2, 3):  # and beside that, both ways
        assert (np.diagonal(moved, GRID[1] - 1)[1::4] > 1e-4).all()
        assert (np.diagonal(moved, GRID[1] + 1)[:3] > 1e-4).all()


def test_the_probabilities_of_all_grids_add_up_to_1(tiny):
    log_probs = tiny.log_prob(ALL_GRIDS)
    assert log_probs.dtype == tf.float32 and log_probs.shape == (16,)
    assert np.exp(log_probs).sum() == pytest.approx(1.0, abs=1e-5)
    assert np.ptp(log_probs) > 1


def test_log_prob_is_the_sum_over_places_of_the_logits_softmax(prior):
    logits = prior(CODES).numpy().astype(np.float64)
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    chosen = np.take_along_axis(chances, CODES[..., None], -1)[..., 0]
    np.testing.assert_allclose(prior.log_prob(CODES), np.log(chosen).sum((1, 2)), rtol=1e-4)


def test_the_loss_is_the_mean_of_a_code_in_nats_and_in_bits(prior):
    found = prior.test_step(CODES)
    nats = -np.mean(prior.log_prob(CODES)) / CODES[0].size
    assert float(found["loss"]) == pytest.approx(nats, rel=1e-5)
    assert float(found["bits_per_code"]) == pytest.approx(nats / np.log(2), rel=1e-5)
    weighted = prior.test_step((CODES, None, np.float32([2, 0, 0, 0, 0, 0])))
    nats = -float(prior.log_prob(CODES)[0]) / CODES[0].size * 2 / 6
    assert float(weighted["loss"]) == pytest.approx(nats, rel=1e-5)


# Drawn from --------------------------------------------------------------------------------


def by_full_passes(model, gumbel, temperature, **given):
    """Place by place, each time by the whole network: what ``sample_codes`` remembers, anew."""
    (height, width), logits_of = model.grid, tf.function(model._logits)
    codes = np.zeros((len(gumbel), height, width), np.int32)
    for row, column in itertools.product(range(height), range(width)):
        logits = logits_of(codes, **given)[:, row, column]
        noise = gumbel[:, row * width + column]
        codes[:, row, column] = np.argmax(logits + temperature * noise, axis=-1)
    return codes


def noise_of(seed, count, places, size):
    seeds = example_seeds(seed, count)
    uniform = [example_uniform(seeds, size, stream=place) for place in range(places)]
    return -np.log(-np.log(np.maximum(np.stack(uniform, 1), 2.0**-25)))  # Gumbel's


@pytest.mark.parametrize(
    ("kind", "temperature"),
    [("prior", 1.0), pytest.param("conditional", 0.5, marks=pytest.mark.slow)],
)
def test_drawing_with_memories_equals_drawing_by_full_passes(kind, temperature, request):
    model, given = request.getfixturevalue(kind), {}
    if kind == "conditional":
        given["labels"] = np.array([0, 1, 1, 0, 1, 0], np.int32)
    found = model.sample_codes(6, 4, temperature, **given)
    expected = by_full_passes(model, noise_of(4, 6, 12, K), temperature, **given)
    assert found.dtype == tf.int32 and len(np.unique(expected)) > 1
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("temperature", [1.0, pytest.param(2.0, marks=pytest.mark.slow)])
def test_grids_are_drawn_as_often_as_they_are_likely(tiny, temperature):
    """By a chi-square test; at a temperature each place's chances are raised to its inverse."""
    count = 4000
    drawn = tiny.sample_codes(count, 1, temperature).numpy()
    seen = np.bincount(drawn.reshape(count, 4) @ [8, 4, 2, 1], minlength=16)
    logits = tiny(ALL_GRIDS).numpy().astype(np.float64) / temperature
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    chosen = np.take_along_axis(chances, ALL_GRIDS[..., None], -1)[..., 0].prod((1, 2))
    often = chosen * count >= 5  # chi-square wants as many
    expected, seen = (np.append(x[often], x[~often].sum()) for x in (chosen * count, seen))
    statistic = np.sum((seen - expected) ** 2 / np.maximum(expected, 1e-9))
    assert often.sum() > 5 and statistic < 45  # 16 degrees of freedom: beyond by chance in 1e-4


def test_a_grid_is_a_function_of_seed_and_place_alone(prior):
    grids = prior.sample_codes(6, [1, 2]).numpy()
    np.testing.assert_array_equal(prior.sample_codes(2, [1, 2]), grids[:2])
    assert len({grid.tobytes() for grid in grids}) == 6
    assert (prior.sample_codes(6, [1, 3]).numpy() != grids).any()


def test_at_temperature_0_each_code_is_the_likeliest_after_those_before(prior):
    drawn = prior.sample_codes(3, 0, temperature=0).numpy()
    np.testing.assert_array_equal(prior(drawn).numpy().argmax(-1), drawn)
    assert len(np.unique(drawn)) > 1
    assert (drawn == drawn[:1]).all()  # whatever the seed


def test_a_label_changes_what_is_likely(conditional):
    zero, one = (conditional.log_prob(CODES, np.full(6, label)) for label in (0, 1))
    assert np.abs(zero - one).min() > 1e-3


def test_a_completed_grid_keeps_its_first_rows_and_draws_the_others(prior):
    found = prior.complete(CODES, rows=2, seed=1).numpy()
    np.testing.assert_array_equal(found[:, :2], CODES[:, :2])
    again, other = (prior.complete(CODES, rows=2, seed=seed).numpy() for seed in (1, 2))
    assert (found == again).all() and (found[:, 2:] != other[:, 2:]).any()
    np.testing.assert_array_equal(prior.complete(CODES, 0, 7), prior.sample_codes(6, 7))


# Trained -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_learns_a_rule_that_frequencies_cannot_show():
    """Inside, each code is that of its left plus that above: all are as frequent, and known."""
    codes = RNG.integers(0, K, (256, *GRID)).astype(np.int32)
    for row, column in itertools.product(range(1, GRID[0]), range(1, GRID[1])):
        codes[:, row, column] = (codes[:, row, column - 1] + codes[:, row - 1, column]) % K
    keras.utils.set_random_seed(0)
    model = CodePrior(K, grid=GRID, width=24, depth=2, dropout=0.0)
    model.compile(keras.optimizers.Adam(0.01))
    data = tf.data.Dataset.from_tensor_slices(codes).batch(256).repeat(150)
    model.fit(data, shuffle=False, verbose=0)
    chance = (3 + 4 - 1) / 12 * np.log2(K)  # bits of the first row and column
    found = model.evaluate(codes, batch_size=256, verbose=0, return_dict=True)["bits_per_code"]
    assert found < chance + 0.2 < np.log2(K) - 0.5


def test_dropout_belongs_to_the_example_and_is_off_when_it_is_used():
    model = small(dropout=0.5)
    seed = np.array([[1, 2], [3, 4]], np.int32)
    both = model._logits(CODES[:2], training=True, seed=seed).numpy()
    alone = model._logits(CODES[1:2], training=True, seed=seed[1:]).numpy()
    np.testing.assert_allclose(alone[0], both[1], atol=1e-5)
    assert np.abs(both - model(CODES[:2]).numpy()).max() > 0.1
    np.testing.assert_array_equal(model(CODES), model(CODES))


# With its VQ-VAE ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_images():
    return small(vq_vae=VQVAE(codes=K, filters=(4, 4, 8)))


def test_images_are_what_the_vq_vae_makes_of_drawn_codes(with_images):
    images = with_images.sample(2, 3, temperature=0.5)
    assert images.shape == (2, 12, 16, 3) and 0 <= np.min(images) <= np.max(images) <= 1
    codes = with_images.sample_codes(2, 3, temperature=0.5)
    np.testing.assert_allclose(with_images.vq_vae.decode(codes), images, atol=1e-6)
    np.testing.assert_array_equal(with_images.encode(images), with_images.vq_vae.encode(images))


def test_its_vq_vae_stays_as_it_is_and_so_it_does_in_a_copy_from_a_file(with_images, tmp_path):
    with_images.save(tmp_path / "model.keras")
    for model in (with_images, keras.saving.load_model(tmp_path / "model.keras")):
        before = [v.numpy() for v in model.vq_vae.variables]
        model.compile("adam", run_eagerly=True)
        model.fit(CODES, verbose=0)
        for a, b in zip(before, model.vq_vae.variables, strict=True):
            np.testing.assert_array_equal(a, b)
        assert len(model.trainable_variables) == len(model.weights) - len(model.vq_vae.weights)


# Mistakes ----------------------------------------------------------------------------------

LABELS = np.zeros(6, np.int32)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        ("prior", [CODES + 1], r"codes lie in \d \.\.\. 5, but the model has 5: 0 \.\.\. 4"),
        ("prior", [CODES - 1], r"codes lie in -1"),
        ("prior", [np.float32(CODES)], "codes must be integers, got float32"),
        ("prior", [CODES[:, :2]], r"codes must have the shape \[B, 3, 4\], got \[B, 2, 4\]"),
        ("prior", [CODES[..., None]], r"shape \[B, 3, 4\], got \[B, 3, 4, 1\]"),
        ("prior", [CODES, LABELS], "takes codes alone: leave the labels out"),
        ("conditional", [CODES], r"give it \(codes, labels\)"),
        ("conditional", [CODES, LABELS + 2], r"has 2 classes: 0 \.\.\. 1"),
    ],
)
def test_fit_names_what_is_wrong_with_the_first_batch(kind, given, message, request):
    model = request.getfixturevalue(kind)
    model.compile("adam")
    with pytest.raises(UserError, match=message):
        model.fit(*given, verbose=0)


@pytest.mark.parametrize(
    ("kind", "use", "message"),
    [
        ("prior", lambda m: m.sample_codes(1, temperature=-0.1), "temperature -0.1: must be at"),
        ("prior", lambda m: m.sample_codes(1, labels=[0]), "labels: the model has no classes"),
        ("conditional", lambda m: m.sample_codes(1), "labels: the model has 2 classes"),
        ("conditional", lambda m: m.log_prob(CODES), "labels: the model has 2 classes"),
        ("prior", lambda m: m.sample(1), r"with one, CodePrior\(vq_vae=...\)"),
        ("prior", lambda m: m.log_prob(np.float32(CODES)), "codes must be integers"),
    ],
)
def test_a_wrong_use_is_refused_with_the_right_one(kind, use, message, request):
    with pytest.raises(UserError, match=message):
        use(request.getfixturevalue(kind))


def test_labels_are_integers_one_for_each_grid(conditional):
    for labels in ([1], [0.0, 1.0, 1.9], [1, 0], [[1], [0], [1]]):
        with pytest.raises(UserError, match="labels must be integers, one for each grid"):
            conditional.sample_codes(3, labels=labels)
    with pytest.raises(UserError, match="labels must be integers, one for each grid"):
        conditional.log_prob(CODES, [1])


def test_weights_of_arrays_go_with_labels_and_else_in_batches(prior, conditional):
    for model in (prior, conditional):
        model.compile("sgd")
    labels, nothing = np.zeros(6, np.int32), np.zeros(6)
    assert conditional.evaluate((CODES, labels), sample_weight=nothing, verbose=0)[0] == 0
    with pytest.raises(UserError, match="give a tf.data.Dataset of batches .codes, None, weights."):
        prior.evaluate(CODES, sample_weight=nothing, verbose=0)
    batches = tf.data.Dataset.from_tensors((CODES, None, nothing))
    assert prior.evaluate(batches, verbose=0)[0] == 0


def test_a_configuration_serves_twice():
    model = CodePrior(4, vq_vae=VQVAE(codes=4, filters=(4,)), grid=2, width=4, depth=1, kernel=3)
    config = model.get_config()
    for _ in range(2):
        assert CodePrior.from_config(config).kernel == (3, 3)


def test_its_vq_vae_is_not_thawed_with_it(with_images):
    with_images.trainable = False
    with_images.trainable = True
    assert with_images.trainable_variables and not with_images.vq_vae.trainable_variables


def test_what_is_out_of_range_in_a_graph_is_refused_with_the_range(prior, conditional):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"codes must lie in 0 \.\.\. 4"):
        prior.log_prob(CODES + 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"labels must lie in 0 \.\.\. 1"):
        conditional.log_prob(CODES, LABELS + 2)


def test_a_vq_vae_of_another_number_of_codes_is_refused():
    with pytest.raises(UserError, match="codes 512: the VQ-VAE has 5; give as many"):
        CodePrior(vq_vae=VQVAE(codes=5, filters=(4, 4, 8)))
    residual = ResidualQuantizer([VectorQuantizer(5), VectorQuantizer(5)])
    with pytest.raises(UserError, match="vq_vae: has several codes at a place"):
        CodePrior(5, vq_vae=VQVAE(filters=(4, 4, 8), quantizer=residual))


@pytest.mark.parametrize("kernel", [(1, 3), (2, 2)])
def test_a_kernel_that_cannot_look_back_is_refused(kernel):
    with pytest.raises(UserError, match="kernel"):
        CodePrior(kernel=kernel)


@pytest.mark.slow
def test_64_grids_of_16_by_16_are_drawn_within_10_seconds():
    """On two cores; it is a matter of one or two."""
    model = CodePrior()
    model.sample_codes(64)
    began = time.perf_counter()
    model.sample_codes(64, 1)
    assert time.perf_counter() - began < 10
