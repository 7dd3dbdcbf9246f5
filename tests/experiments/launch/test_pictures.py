"""Figures are files that show what they were given."""

import numpy as np
from PIL import Image

from experiments.launch import pictures

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


def test_a_grid_has_one_row_for_each_example():
    grid = pictures.grid(IMAGES, IMAGES[::-1])
    assert grid.shape == (24, 16, 3)
    np.testing.assert_array_equal(grid[8:16, :8], IMAGES[1])
    np.testing.assert_array_equal(grid[:8, 8:], IMAGES[2])


def test_rows_have_the_examples_side_by_side():
    picture = pictures.rows(IMAGES, IMAGES[::-1])
    assert picture.shape == (16, 24, 3)
    np.testing.assert_array_equal(picture[:8, 8:16], IMAGES[1])
    np.testing.assert_array_equal(picture[8:, :8], IMAGES[2])


def test_a_running_mean_is_the_mean_of_the_neighbours():
    values = np.random.default_rng(0).normal(size=100)
    expected = [values[max(0, i - 2) : i + 3].mean() for i in range(100)]
    np.testing.assert_allclose(pictures.running_mean(values), expected)


def test_pictures_and_curves_are_written(tmp_path):
    pictures.image_rows(tmp_path / "rows.png", {"input": IMAGES, "output": IMAGES})
    rows = [{"step": i, "loss": 1.0 / i} for i in range(1, 30)]
    pictures.curves(tmp_path / "curves.png", rows, {"generator": ["loss"]}, steps_per_epoch=10)
    epochs = [{"epoch": 1, "val_loss": 0.5}, {"epoch": 3, "val_loss": 0.1}]
    pictures.curves(tmp_path / "dots.png", rows, {"loss": ["loss"]}, 10, epochs)
    pictures.image_table(tmp_path / "table.png", {"input": IMAGES, "output": IMAGES[:2]})
    pictures.bars(tmp_path / "bars.png", np.arange(5), "title", ("x", "y"))
    for name in ("rows.png", "curves.png", "dots.png", "table.png", "bars.png"):
        assert np.asarray(Image.open(tmp_path / name)).std() > 10
