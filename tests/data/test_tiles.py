"""Tiles against the whole image, where what is made of a pixel depends on that pixel alone, and
where it does not."""

import numpy as np
import pytest

from tf_gen.data.tiles import in_tiles

SIZE = (16, 24)
SHAPES = [(50, 70), (16, 24), (17, 24), (5, 100), (3, 2), (160, 25)]


def image_of(shape, channels=3):
    """Noise, float32 [*shape, channels]."""
    return np.random.default_rng(0).random((*shape, channels), np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("overlap", [0, 5, 15])
def test_pixels_that_are_alone_come_out_as_without_tiles(shape, overlap):
    image = image_of(shape)
    found = in_tiles(lambda tiles: 1.0 - tiles[..., :2], image, SIZE, overlap, batch_size=3)
    np.testing.assert_allclose(found, 1.0 - image[..., :2], atol=1e-6)


def test_each_tile_is_of_the_size_and_none_is_left_out():
    seen = []

    def translate(tiles):
        assert tiles.shape[1:] == (*SIZE, 1)
        seen.extend(tiles)
        return tiles

    in_tiles(translate, image_of((40, 50), 1), SIZE, 4, batch_size=4)
    # (40 - 4) / (16 - 4) and (50 - 4) / (24 - 4)
    assert len(seen) == 3 * 3


def test_from_tile_to_tile_an_image_changes_by_degrees():
    """Each tile of a grey of its own: without blending a step of up to 1 at each seam."""
    greys = iter(np.linspace(0.0, 1.0, 3))
    found = in_tiles(lambda tiles: tiles * 0 + next(greys), image_of((16, 56)), SIZE, 8)
    middle = found[8, :, 0]
    assert middle[0] == 0.0 and middle[-1] == 1.0
    assert np.all(np.diff(middle) >= 0) and np.diff(middle).max() < 0.5 / 7
