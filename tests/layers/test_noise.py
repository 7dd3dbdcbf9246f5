"""Noise belongs to the example."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gen.layers import ExampleDropout, example_seeds

ONES = np.ones((4, 16, 16, 8), np.float32)


def test_seeds_are_a_pure_function_of_seed_step_and_index():
    seeds = example_seeds(3, 6, step=5).numpy()
    assert seeds.shape == (6, 2) and len({tuple(row) for row in seeds}) == 6
    np.testing.assert_array_equal(seeds, example_seeds(3, 6, step=5))
    np.testing.assert_array_equal(seeds[:4], example_seeds(3, 4, step=5))
    assert (seeds != example_seeds(3, 6, step=6).numpy()).any()
    assert (seeds != example_seeds(4, 6, step=5).numpy()).any()


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
