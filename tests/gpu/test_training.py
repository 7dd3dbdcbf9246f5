"""The training commands on a GPU, on drawn images. (After test_steps: --deterministic is for the
rest of a process.)"""

import numpy as np
import pytest
import tensorflow as tf

from experiments.launch import cli
from tests.experiments.conftest import faces, maps, shared  # noqa: F401
from tests.experiments.tasks.test_faces import checkpoint, metrics, script, source

pytestmark = pytest.mark.gpu

NAMES = ("pix2pix_maps", "vae_anime", "vae_cartoon", "cvae_faces", "vq_vae_faces")
SMALL = {"image_size": 16, "batch_size": 8, "log_every": 1}
SMALL_PAIRS = {"image_size": 32, "filters": 4, "batch_size": 2, "log_every": 1}


@pytest.fixture
def run(maps, faces, capsys):  # noqa: F811
    """(command, run folder, options) -> its exit code."""

    def run(name, folder, **options):
        pairs = name == "pix2pix_maps"
        small = SMALL_PAIRS if pairs else SMALL
        data = str(maps) if pairs else source(faces, name)
        config = script(name).Config(data=data, run_dir=folder, **{**small, **options})
        return cli.guarded(name, script(name).run, config)

    return run


def equal(folders):
    first, second = map(checkpoint, folders)
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value, err_msg=name)


def test_a_run_compiled_by_xla_ends_whole_and_one_that_is_not_finite_with_3(run, tmp_path):
    options = {"xla": "on", "checkpoint_steps": 1}
    assert run("vae_anime", tmp_path / "good", max_steps=4, **options) == 0
    assert np.isfinite(metrics(tmp_path / "good")["val_loss"])
    bad = tmp_path / "bad"
    assert run("vae_anime", bad, max_steps=40, learning_rate=1e30, **options) == 3
    assert all(np.isfinite(value).all() for value in checkpoint(bad).values())


def test_the_mirrored_strategy_on_one_card_trains_as_the_card_alone(run, tmp_path):
    for strategy in ("none", "mirrored"):
        assert run("pix2pix_maps", tmp_path / strategy, max_steps=3, strategy=strategy) == 0
    found = [metrics(tmp_path / strategy) for strategy in ("none", "mirrored")]
    for name in ("val_l1", "val_ssim"):
        np.testing.assert_allclose(found[1][name], found[0][name], rtol=0.02, err_msg=name)


@pytest.mark.parametrize("name", ["pix2pix_maps", "vq_vae_faces"])
def test_a_run_in_float16_ends_whole(run, tmp_path, name):
    assert run(name, tmp_path, max_steps=4, precision="float16") == 0
    assert np.isfinite(
        [value for value in metrics(tmp_path).values() if isinstance(value, float)]
    ).all()
    assert (tmp_path / "checkpoints" / "step-4.index").exists()


@pytest.mark.parametrize("name", NAMES)
def test_deterministic_runs_are_equal_to_the_bit_one_of_them_stopped_and_continued(
    run, tmp_path, name
):
    folders = tmp_path / "whole", tmp_path / "continued"
    assert run(name, folders[0], max_steps=4, deterministic=True) == 0
    for steps in (2, 4):
        assert run(name, folders[1], max_steps=steps, deterministic=True) == 0
    equal(folders)
    assert tf.config.experimental.list_physical_devices("GPU")
