"""Residual quantisation against a NumPy loop over its codebooks."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gen.errors import UserError
from tf_gen.layers import (
    FiniteScalarQuantizer,
    ResidualQuantizer,
    VectorQuantizer,
    VectorQuantizerEMA,
)

RNG = np.random.default_rng(0)
N, CODES, WIDTH = 3, 5, 4
Z = RNG.normal(size=(6, 2, 3, WIDTH)).astype(np.float32)
BOOKS = [RNG.normal(0, 0.5**n, (CODES, WIDTH)).astype(np.float32) for n in range(N)]


def make(kind=VectorQuantizer, **options):
    layer = ResidualQuantizer([kind(CODES, seed=n, **options) for n in range(N)])
    layer.build(Z.shape)
    for one, book in zip(layer.quantizers, BOOKS, strict=True):
        one.vectors.assign(book)
    return layer


def loop(z=Z, books=BOOKS):
    """(codes [..., N], sums of the vectors, what is left after each codebook), in float64."""
    left, codes, lefts = z.astype(float), [], []
    for book in books:
        distances = ((left[..., None, :] - book.astype(float)) ** 2).sum(-1)
        codes.append(distances.argmin(-1))
        left = left - book[codes[-1]]
        lefts.append(left)
    return np.stack(codes, axis=-1), z - left, lefts


def test_each_codebook_takes_what_those_before_it_leave():
    found = make()(Z)
    codes, total, lefts = loop()
    assert found["codes"].shape == (6, 2, 3, N) and found["codes"].dtype == tf.int32
    np.testing.assert_array_equal(found["codes"], codes)
    np.testing.assert_allclose(found["quantized"], total, atol=1e-6)
    expected = sum((left**2).mean() for left in lefts)
    for name in ("codebook_loss", "commitment_loss"):
        np.testing.assert_allclose(found[name], expected, rtol=1e-5)


def test_lookup_sums_the_vectors_of_the_codes():
    codes, total, _ = loop()
    np.testing.assert_allclose(make().lookup(codes), total, atol=1e-6)


def gradients(name, weights=1.0):
    layer, z = make(), tf.constant(Z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = tf.reduce_sum(layer(z, training=True)[name] * weights)
    return tape.gradient(value, [z, *(one.vectors.value for one in layer.quantizers)])


def test_the_gradient_passes_the_sum_once():
    weights = RNG.normal(size=Z.shape).astype(np.float32)
    by_z, *by_books = gradients("quantized", weights)
    np.testing.assert_array_equal(by_z, weights)
    assert by_books == [None] * N


def test_every_codebook_commits_the_inputs():
    by_z, *by_books = gradients("commitment_loss")
    expected = 2 * sum(loop()[2]) / Z.size
    np.testing.assert_allclose(by_z, expected, rtol=1e-4, atol=1e-6)
    assert by_books == [None] * N


def test_each_codebooks_loss_moves_it_alone():
    by_z, *by_books = gradients("codebook_loss")
    codes, _, lefts = loop()
    assert by_z is None
    for n, found in enumerate(by_books):
        expected = np.zeros_like(BOOKS[n])
        np.add.at(expected, codes[..., n], -2 * lefts[n] / Z.size)
        np.testing.assert_allclose(tf.convert_to_tensor(found), expected, rtol=1e-4, atol=1e-6)


def test_moving_averages_are_those_of_each_codebook_on_what_was_left_to_it():
    layer = make(VectorQuantizerEMA)
    codes, _, lefts = loop()
    layer(Z, training=True)
    for n, one in enumerate(layer.quantizers):
        given = lefts[n] + BOOKS[n][codes[..., n]]
        for k in range(CODES):
            mine = given[codes[..., n] == k]
            expected = mine.mean(axis=0) if len(mine) else BOOKS[n][k]
            np.testing.assert_allclose(one.vectors[k], expected, rtol=1e-4, atol=1e-5)


def test_the_kmeans_starts_shrink_what_is_left_from_codebook_to_codebook():
    layer = make(VectorQuantizerEMA, start="kmeans")
    assert layer.needs_start
    layer.start_from(Z)
    assert not layer.needs_start and [int(one.started) for one in layer.quantizers] == [1] * N
    _, _, lefts = loop(books=[one.vectors.numpy() for one in layer.quantizers])
    sizes = [(Z**2).mean(), *((left**2).mean() for left in lefts)]
    assert all(after < 0.8 * before for before, after in zip(sizes, sizes[1:], strict=False))
    found = [one.vectors.numpy() for one in layer.quantizers]
    alone = VectorQuantizerEMA(CODES, start="kmeans")
    alone.start_from(Z)
    np.testing.assert_array_equal(found[0], alone.vectors)


def test_a_codebook_of_a_uniform_start_keeps_it():
    layer = make(VectorQuantizerEMA)
    assert not layer.needs_start
    layer.start_from(Z)
    for one, book in zip(layer.quantizers, BOOKS, strict=True):
        np.testing.assert_array_equal(one.vectors, book)


@pytest.mark.parametrize(
    ("quantizers", "message"),
    [
        ([], "give a list of VectorQuantizer"),
        ([FiniteScalarQuantizer()], "give a list of VectorQuantizer"),
        ([VectorQuantizer(4), VectorQuantizer(8)], r"as many codes, got \[4, 8\]"),
    ],
)
def test_what_cannot_be_summed_is_refused(quantizers, message):
    with pytest.raises(UserError, match=message):
        ResidualQuantizer(quantizers)
