"""The networks that see the features: stand-ins, since nothing is downloaded in tests."""

import tarfile

import numpy as np
import pytest

from tf_gen import metrics
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
