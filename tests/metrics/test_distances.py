"""Distances of sets of images, against SciPy, loops and closed forms."""

import numpy as np
import pytest
from scipy import linalg, ndimage

from tf_gen import metrics
from tf_gen.data import draw_faces
from tf_gen.metrics import Features

RNG = np.random.default_rng(0)


class Patches:
    """A network that needs no download: means over 4 x 4 patches, and their products by channel."""

    name = "patches"

    def __call__(self, images):
        count, height, width, _ = images.shape
        cells = images.reshape(count, 4, height // 4, 4, width // 4, 3) / 255.0
        return np.concatenate([cells.mean((2, 4)), cells.std((2, 4))], axis=-1).reshape(count, -1)


def normal(count, width=5, shift=0.0, network="a"):
    mixing = np.random.default_rng(9).normal(size=(width, width))
    return Features(RNG.normal(size=(count, width)) @ mixing + shift, network)


def test_the_statistics_are_numpys_in_float64():
    features = normal(50)
    values = features.values.astype(np.float64)
    np.testing.assert_allclose(features.mean, values.mean(0), rtol=1e-12)
    np.testing.assert_allclose(features.covariance, np.cov(values.T), rtol=1e-9)


def test_the_frechet_distance_is_scipys():
    a, b = normal(200), normal(300, shift=0.5)
    root = linalg.sqrtm(a.covariance @ b.covariance).real
    expected = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance + b.covariance - 2 * root)
    assert metrics.fid(a, b) == pytest.approx(expected, rel=1e-8)


def test_the_frechet_distance_of_independent_gaussians_has_a_closed_form():
    m1, m2, s1, s2 = (RNG.uniform(0.1, 2, 6) for _ in range(4))
    expected = np.sum((m1 - m2) ** 2 + (s1 - s2) ** 2)
    found = metrics.frechet_distance(m1, np.diag(s1**2), m2, np.diag(s2**2))
    assert found == pytest.approx(expected, rel=1e-10)


def test_fid_of_a_set_with_itself_is_0():
    features = normal(100)
    assert metrics.fid(features, features) == pytest.approx(0, abs=1e-8)


@pytest.fixture(scope="module")
def faces():
    return draw_faces(120, 0, "anime", 32)


@pytest.mark.parametrize("harm", ["noise", "blur"])
def test_fid_and_kid_rise_steadily_with_noise_and_blur(faces, harm):
    def harmed(strength):
        if harm == "noise":
            images = faces + np.random.default_rng(1).normal(0, 60 * strength, faces.shape)
        else:
            images = ndimage.gaussian_filter(
                faces.astype(float), (0, 4 * strength, 4 * strength, 0)
            )
        return metrics.features_of(np.clip(images, 0, 255).astype(np.uint8), Patches())

    real = metrics.features_of(faces, Patches())
    with pytest.warns(UserWarning) if len(faces) <= real.values.shape[1] else _nothing():
        found = [metrics.fid(real, harmed(strength)) for strength in (0.0, 0.1, 0.3, 1.0)]
    assert found[0] == pytest.approx(0, abs=1e-6) and (np.diff(found) > 0).all()
    kids = [metrics.kid(real, harmed(strength))[0] for strength in (0.1, 0.3, 1.0)]
    assert (np.diff(kids) > 0).all()


class _nothing:
    def __enter__(self):
        pass

    def __exit__(self, *error):
        pass


def test_too_few_images_for_the_features_warn_and_go_on():
    with pytest.warns(UserWarning, match="FID of 5 images: fewer than the 5 features"):
        assert np.isfinite(metrics.fid(normal(5), normal(50)))


def loop_mmd(x, y):
    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    between = sum(kernel(a, b) for a in x for b in y)
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * between / (n * m)


def test_the_kernel_distance_is_that_of_loops():
    x, y = RNG.normal(size=(9, 4)), RNG.normal(size=(7, 4)) + 0.3
    assert metrics.kernel_distance(x, y) == pytest.approx(loop_mmd(x, y), rel=1e-10)


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_kid_is_unbiased_and_its_error_is_what_fresh_draws_differ_by(shift):
    found = [metrics.kid(normal(100), normal(100, shift=shift)) for _ in range(60)]
    estimates, errors = np.transpose(found)
    spread = estimates.std(ddof=1)
    assert shift or abs(estimates.mean()) < 3 * spread / np.sqrt(len(found))
    assert 0.7 * spread < np.sqrt(np.mean(errors**2)) < 2 * spread


def test_kids_error_is_the_jackknife_of_loops():
    x, y = RNG.normal(size=(9, 4)), RNG.normal(size=(7, 4)) + 0.3
    left_out = (
        [metrics.kernel_distance(np.delete(x, i, 0), y) for i in range(len(x))],
        [metrics.kernel_distance(x, np.delete(y, i, 0)) for i in range(len(y))],
    )
    expected = np.sqrt(sum((len(found) - 1) * np.var(found) for found in left_out))
    assert metrics.kid(Features(x, "a"), Features(y, "a"))[1] == pytest.approx(expected, rel=1e-4)


def test_sets_larger_than_a_block_add_up():
    x, y = RNG.normal(size=(700, 2)), RNG.normal(size=(530, 2)) + 0.3
    xx, yy, xy = ((a @ b.T / 2 + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (xx, yy)]
    assert metrics.kernel_distance(x, y) == pytest.approx(sum(within) - 2 * xy.mean(), rel=1e-9)


def test_fid_of_a_single_image_is_refused():
    one, two = (Features(RNG.normal(size=(count, 3)), "x") for count in (1, 2))
    for real, generated in ((one, two), (two, one)):
        with pytest.raises(ValueError, match="FID needs 2 real and 2 generated"):
            metrics.fid(real, generated)


def test_kid_of_very_few_images_is_refused():
    with pytest.raises(ValueError, match="needs 4 real and 4 generated"):
        metrics.kid(normal(3), normal(50))


def loop_precision(real, generated, k):
    radii = [np.sort(np.linalg.norm(real - r, axis=1))[k] for r in real]
    inside = [
        any(np.linalg.norm(g - r) <= radius for r, radius in zip(real, radii, strict=True))
        for g in generated
    ]
    return np.mean(inside)


def test_precision_and_recall_are_those_of_loops():
    real, generated = normal(40), normal(30, shift=0.7)
    expected = (
        loop_precision(real.values, generated.values, 3),
        loop_precision(generated.values, real.values, 3),
    )
    assert metrics.precision_recall(real, generated) == pytest.approx(expected)
    assert 0 < expected[0] < 1


def test_one_image_again_and_again_is_precise_but_recalls_nothing():
    real = normal(60)
    same = Features(np.repeat(real.values[:1], 20, axis=0), "a")
    assert metrics.precision_recall(real, same) == (1.0, pytest.approx(1 / 60))


@pytest.mark.parametrize("measure", [metrics.fid, metrics.kid, metrics.precision_recall])
def test_features_of_two_networks_are_never_compared(measure):
    with pytest.raises(ValueError, match="features of a cannot be compared with those of b"):
        measure(normal(30), normal(30, network="b"))


def test_saved_features_come_back(tmp_path):
    features = normal(10)
    features.save(tmp_path / "real.npz")
    again = Features.load(tmp_path / "real.npz")
    np.testing.assert_array_equal(again.values, features.values)
    assert again.network == "a"


def test_images_are_rounded_to_grey_levels_as_saved_ones_are():
    levels = RNG.integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    near = levels / 255 + 0.3 / 255
    a, b = (metrics.features_of(images, Patches(), batch=2) for images in (levels, near))
    np.testing.assert_array_equal(a.values, b.values)
    assert a.digest == b.digest


def test_a_digest_tells_other_images_or_another_order(tmp_path):
    images = RNG.random((3, 8, 8, 3))
    metrics.features_of(images, Patches()).save(tmp_path / "real.npz")
    digest = Features.load(tmp_path / "real.npz").digest
    assert digest == metrics.images_digest(images)
    assert digest not in (metrics.images_digest(images[::-1]), metrics.images_digest(images[:2]))
