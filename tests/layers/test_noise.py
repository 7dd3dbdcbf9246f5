"""Noise belongs to the example."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tf_gen.layers import ExampleDropout, InputNoise, example_normal, example_seeds, example_uniform

ONES = np.ones((4, 16, 16, 8), np.float32)


def test_seeds_are_a_pure_function_of_seed_step_and_index():
    seeds = example_seeds(3, 6, step=5).numpy()
    assert seeds.shape == (6, 2) and len({tuple(row) for row in seeds}) == 6
    np.testing.assert_array_equal(seeds, example_seeds(3, 6, step=5))
    np.testing.assert_array_equal(seeds[:4], example_seeds(3, 4, step=5))
    assert (seeds != example_seeds(3, 6, step=6).numpy()).any()
    assert (seeds != example_seeds(4, 6, step=5).numpy()).any()


def test_a_pair_of_numbers_is_a_seed_whose_second_counts():
    np.testing.assert_array_equal(example_seeds(tf.constant([3, 0]), 4), example_seeds(3, 4))
    assert (example_seeds(tf.constant([3, 1]), 4).numpy() != example_seeds(3, 4).numpy()).any()


def test_replicas_draw_the_seeds_of_their_rows_in_the_whole_batch(two_replicas):
    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)] * 2)
    def draw(count, step):
        return two_replicas.run(lambda: example_seeds(3, count, step))

    for count, step in ((3, 5), (4, 6)):
        parts = draw(count, step).values
        assert [part.shape for part in parts] == [(count, 2)] * 2
        np.testing.assert_array_equal(tf.concat(parts, 0), example_seeds(3, 2 * count, step))
    with two_replicas.scope():  # outside of all replicas: the whole batch
        np.testing.assert_array_equal(example_seeds(3, 6), example_seeds(3, 8)[:6])


def pcg4d(v):
    """The hash as the paper gives it, in NumPy: uint32 [4, N] -> uint32 [4, N]."""
    v = v * np.uint32(1664525) + np.uint32(1013904223)

    def mix(v):
        v[0] += v[1] * v[3]
        v[1] += v[2] * v[0]
        v[2] += v[0] * v[1]
        v[3] += v[1] * v[2]

    mix(v)
    v ^= v >> np.uint32(16)
    mix(v)
    return v


def test_uniform_noise_is_the_papers_hash_of_index_seed_and_stream():
    seeds = example_seeds(0, 3).numpy()
    noise = example_uniform(seeds, 10, stream=2).numpy()
    assert noise.shape == (3, 10) and noise.dtype == np.float32
    for row, (a, b) in zip(noise, seeds.view(np.uint32), strict=True):
        given = np.array([[i, a, b, 2] for i in range(3)], np.uint32).T
        expected = pcg4d(given).ravel()[:10] >> 8
        np.testing.assert_array_equal(row, expected / 2**24)


def near(seeds, count=4096):
    """Noise of a few seeds that differ in one bit, or by one: the worst case for a hash."""
    return example_uniform(tf.constant(seeds, tf.int32), count).numpy().astype(np.float64)


@pytest.mark.parametrize("base", [(0, 0), (1, 2), (123456789, -987654321)])
def test_uniform_noise_is_uniform_and_without_pattern_even_for_neighbouring_seeds(base):
    a, b = base
    noise = near([[a, b], [a + 1, b], [a, b + 1], [a ^ 1 << 20, b], [a, b ^ 1 << 30], [b, a + 7]])
    for row in noise:
        assert stats.kstest(row, "uniform").pvalue > 1e-4
        for bits in (8, 16):  # the first bits, and some later ones
            last = (row * 2**bits).astype(int) % 256
            assert stats.chisquare(np.bincount(last, minlength=256)).pvalue > 1e-4
        for lag in (1, 2, 3, 4, 64, 1024):
            assert abs(np.corrcoef(row[:-lag], row[lag:])[0, 1]) < 5 / np.sqrt(len(row) - lag)
    correlations = np.corrcoef(noise) - np.eye(len(noise))
    assert np.abs(correlations).max() < 5 / np.sqrt(noise.shape[1])


def test_streams_of_the_same_seed_are_apart():
    seeds = example_seeds(0, 1)
    streams = [example_uniform(seeds, 4096, stream=stream)[0] for stream in range(4)]
    assert np.abs(np.corrcoef(streams) - np.eye(4)).max() < 5 / np.sqrt(4096)


def test_normal_noise_is_standard_normal_and_apart_in_every_element():
    noise = tf.function(example_normal)(example_seeds(0, 500), [4, 5]).numpy()
    assert noise.shape == (500, 4, 5) and noise.dtype == np.float32
    assert stats.kstest(noise.ravel(), "norm").pvalue > 0.001
    correlations = np.corrcoef(noise.reshape(500, 20).T) - np.eye(20)
    assert np.abs(correlations).max() < 0.23  # five standard errors
    many = example_normal(example_seeds(1, 2000), [100]).numpy().ravel()
    np.testing.assert_allclose(
        [many.mean(), many.std(), stats.skew(many), stats.kurtosis(many)], [0, 1, 0, 0], atol=0.03
    )
    assert 4.0 < np.abs(many).max() < 5.8  # the most that steps of 2^-24 allow


def test_an_examples_noise_depends_on_its_seed_alone():
    seeds = example_seeds(0, 4)
    whole = example_uniform(seeds, 7).numpy()
    np.testing.assert_array_equal(example_uniform(seeds[2:3], 7), whole[2:3])
    np.testing.assert_array_equal(example_uniform(tf.reverse(seeds, [0]), 7), whole[::-1])
    # to rounding: a processor computes the last elements of an array by another cosine
    whole = example_normal(seeds, [7]).numpy()
    np.testing.assert_allclose(example_normal(seeds[2:3], [7]), whole[2:3], rtol=1e-6)
    np.testing.assert_allclose(example_normal(tf.reverse(seeds, [0]), [7]), whole[::-1], rtol=1e-6)


def test_normal_noise_for_an_unknown_number_of_examples_keeps_its_shape():
    compiled = tf.function(
        lambda seeds: example_normal(seeds, [4, 5]),
        input_signature=[tf.TensorSpec([None, 2], tf.int32)],
    )
    assert compiled.get_concrete_function().output_shapes.as_list() == [None, 4, 5]
    seeds = example_seeds(0, 3)
    np.testing.assert_allclose(compiled(seeds), example_normal(seeds, [4, 5]), rtol=1e-6)


def test_an_examples_mask_does_not_depend_on_its_batch():
    layer, seeds = ExampleDropout(0.5), example_seeds(0, 4)
    whole = layer(ONES, active=True, seed=seeds).numpy()
    alone = layer(ONES[2:3], active=True, seed=seeds[2:3]).numpy()
    np.testing.assert_array_equal(whole[2:3], alone)
    assert (whole[0] != whole[1]).any()


def test_layers_of_different_streams_draw_apart():
    seeds = example_seeds(0, 4)
    masks = [ExampleDropout(0.5, stream=s)(ONES, active=True, seed=seeds).numpy() for s in (0, 1)]
    assert (masks[0] != masks[1]).any()


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_the_share_dropped_and_the_mean_are_as_promised(rate):
    kept = ExampleDropout(rate)(ONES, active=True, seed=example_seeds(1, 4)).numpy()
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1) / np.float32(1 - rate)}
    assert abs((kept == 0).mean() - rate) < 0.02


def test_without_a_seed_every_call_draws_anew_and_inactive_draws_nothing():
    layer = ExampleDropout(0.5)
    draws = [layer(ONES, active=True).numpy() for _ in range(2)]
    assert (draws[0] != draws[1]).any()
    np.testing.assert_array_equal(layer(ONES), ONES)


def test_it_works_in_a_graph_whose_batch_is_unknown():
    layer = ExampleDropout(0.5)
    call = tf.function(
        lambda x, s: layer(x, active=True, seed=s),
        input_signature=[tf.TensorSpec([None, 16, 16, 8]), tf.TensorSpec([None, 2], tf.int32)],
    )
    seeds = example_seeds(0, 4)
    np.testing.assert_array_equal(call(ONES, seeds), layer(ONES, active=True, seed=seeds))


def test_a_rate_of_one_is_refused():
    with pytest.raises(ValueError, match="rate"):
        ExampleDropout(1.0)


def test_noise_beside_the_input_goes_by_the_examples_seed_and_can_be_off():
    layer, seeds = InputNoise(2), example_seeds(3, 4)
    x = np.random.default_rng(0).normal(size=(4, 16, 16, 3)).astype(np.float32)
    found = layer(x, active=True, seed=seeds).numpy()
    np.testing.assert_array_equal(found[..., :3], x)
    noise = found[..., 3:]
    assert noise.min() >= -1 and noise.max() < 1 and abs(noise.std() - 3**-0.5) < 0.02
    np.testing.assert_array_equal(layer(x[1:3], active=True, seed=seeds[1:3]), found[1:3])
    assert not layer(x)[..., 3:].numpy().any() and layer(x).shape == (4, 16, 16, 5)
    drawn = [layer(x, active=True).numpy()[..., 3:] for _ in range(2)]
    assert (drawn[0] != drawn[1]).any() and min(d.min() for d in drawn) >= -1
