"""How a codebook is used, against SciPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tf_gen import metrics


def test_codes_are_counted_as_numpy_counts_them_in_their_own_type():
    codes = np.random.default_rng(0).integers(0, 5, (3, 4), np.int64)
    counts = metrics.code_counts(codes, 7)
    assert counts.dtype == tf.int64
    np.testing.assert_array_equal(counts, np.bincount(codes.ravel(), minlength=7))


def test_codes_are_counted_by_an_operation_that_a_deterministic_gpu_has():
    graph = tf.function(lambda codes: metrics.code_counts(codes, 7)).get_concrete_function(
        tf.TensorSpec([None, 4], tf.int32)
    )
    kinds = {op.type for op in graph.graph.get_operations()}
    assert "UnsortedSegmentSum" in kinds and not {"Bincount", "DenseBincount"} & kinds


@pytest.mark.parametrize(
    "counts", [[5, 0, 0], [2, 2, 2, 2], [1, 2, 3, 4, 0], [10**7, 1, 1], [1]], ids=str
)
def test_perplexity_is_the_exponential_of_scipys_entropy(counts):
    expected = np.exp(stats.entropy(counts))
    np.testing.assert_allclose(metrics.perplexity(np.array(counts)), expected, rtol=1e-5)


def test_perplexity_counts_the_codes_if_all_are_used_alike():
    assert float(metrics.perplexity([3, 3, 3, 3])) == pytest.approx(4)
    assert float(metrics.perplexity([0, 7, 0])) == 1


def test_the_metric_is_the_perplexity_of_all_codes_whatever_their_batches():
    metric = metrics.CodePerplexity(8)
    codes = np.random.default_rng(1).integers(0, 6, (7, 3, 5)) ** 2 % 8
    update = tf.function(
        metric.update_state, input_signature=[tf.TensorSpec([None, 3, 5], "int64")]
    )
    for batch in (codes[:4], codes[4:5], codes[5:]):
        update(batch)
    counts = [(codes == k).sum() for k in range(8)]
    np.testing.assert_array_equal(metric.counts, counts)
    np.testing.assert_allclose(metric.result(), np.exp(stats.entropy(counts)), rtol=1e-5)


def test_of_several_quantisers_each_has_its_own_counts_and_the_metric_is_their_mean():
    codes = np.random.default_rng(1).integers(0, 6, (7, 3, 2)) ** 2 % 8
    codes[..., 1] //= 2
    counts = [[(codes[..., n] == k).sum() for k in range(8)] for n in range(2)]
    np.testing.assert_array_equal(metrics.code_counts(codes, 8, 2), counts)
    expected = [np.exp(stats.entropy(one)) for one in counts]
    np.testing.assert_allclose(metrics.perplexity(counts), expected, rtol=1e-5)
    metric = metrics.CodePerplexity(8, quantizers=2)
    for batch in (codes[:4], codes[4:]):
        metric.update_state(batch)
    assert expected[0] != pytest.approx(expected[1])
    assert float(metric.result()) == pytest.approx(np.mean(expected), rel=1e-5)
    again = metrics.CodePerplexity.from_config(metric.get_config())
    assert again.counts.shape == (2, 8)


def test_a_reset_metric_begins_again():
    metric = metrics.CodePerplexity(8)
    metric.update_state(np.array([0, 1, 2, 3, 3]))
    metric.reset_state()
    metric.update_state(np.array([[5, 6], [6, 5]]))
    assert float(metric.result()) == pytest.approx(2)


def test_the_metric_serialises():
    metric = metrics.CodePerplexity(8, name="used")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert isinstance(copy, metrics.CodePerplexity) and copy.get_config() == metric.get_config()
    assert copy.counts.shape == (8,)
