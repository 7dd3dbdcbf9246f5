"""The procedural city: repeatable, varied, and the same city in both renderings."""

import functools

import numpy as np
import pytest

from tf_gen.data.drawn.city import MAP_COLOURS, draw_pairs


@functools.cache
def thirty_scenes():
    """Return 30 pairs as int arrays [30, 64, 64, 3]; the tests share them to stay fast."""
    aerial, street_map = draw_pairs(30, seed=0, size=64)
    return aerial.astype(int), street_map.astype(int)


def where_map_is(street_map, name):
    """Return where the map [..., 3] has the flat colour of that name, bool [...]."""
    return np.abs(street_map - MAP_COLOURS[name]).max(axis=-1) <= 1


def test_the_same_seed_draws_the_same_pairs():
    for first, second in zip(draw_pairs(2, 7, 64), draw_pairs(2, 7, 64), strict=True):
        np.testing.assert_array_equal(first, second)


def test_fewer_scenes_are_the_first_of_many():
    for few, many in zip(draw_pairs(2, 0, 64), thirty_scenes(), strict=True):
        np.testing.assert_array_equal(few, many[:2])


def test_other_seeds_and_other_indices_draw_other_cities():
    aerial, street_map = draw_pairs(2, 1, 64)
    for drawn, others in zip((aerial, street_map), thirty_scenes(), strict=True):
        assert np.abs(drawn[0].astype(int) - drawn[1]).mean() > 2
        assert np.abs(drawn - others[:2]).mean() > 2


@pytest.mark.parametrize("size", [16, 64, 286])
def test_pairs_have_the_size_asked_for(size):
    for images in draw_pairs(1, 3, size):
        assert images.shape == (1, size, size, 3)
        assert images.dtype == np.uint8


def test_another_size_shows_the_same_city():
    small, large = draw_pairs(1, 4, 32), draw_pairs(1, 4, 256)
    for i, bound in ((0, 6), (1, 2)):
        averaged = large[i].reshape(1, 32, 8, 32, 8, 3).mean(axis=(2, 4))
        assert np.abs(small[i] - averaged).mean() < bound


def test_water_on_the_map_is_dark_and_bluish_in_the_photograph():
    aerial, street_map = thirty_scenes()
    water = where_map_is(street_map, "water")
    wet, dry = aerial[water], aerial[~water]
    assert wet.mean() < 0.8 * dry.mean()
    assert (wet[:, 2] - wet[:, 0]).mean() > (dry[:, 2] - dry[:, 0]).mean() + 20


@pytest.mark.parametrize("name", ["park", "pitch"])
def test_what_is_green_on_the_map_is_greener_in_the_photograph(name):
    aerial, street_map = thirty_scenes()
    green = where_map_is(street_map, name)
    excess = aerial[..., 1] - aerial[..., [0, 2]].mean(axis=-1)
    assert excess[green].mean() > excess[~green].mean() + 8


def test_streets_are_greyer_than_parks_in_the_photograph():
    aerial, street_map = thirty_scenes()
    colourfulness = aerial.max(axis=-1) - aerial.min(axis=-1)
    street, park = (colourfulness[where_map_is(street_map, k)] for k in ("street", "park"))
    assert street.mean() < 0.7 * park.mean()


def test_moving_the_map_breaks_its_agreement_with_the_photograph():
    aerial, street_map = thirty_scenes()
    roofs = where_map_is(street_map, "building")
    bright = aerial.mean(axis=-1)
    aligned = np.corrcoef(roofs.ravel(), bright.ravel())[0, 1]
    moved = np.corrcoef(np.roll(roofs, 8, axis=(1, 2)).ravel(), bright.ravel())[0, 1]
    assert aligned > moved + 0.1


def test_no_rendering_is_flat():
    aerial, street_map = thirty_scenes()
    assert aerial.std(axis=(1, 2)).min() > 8
    assert street_map.std(axis=(1, 2)).max(axis=-1).min() > 4


def test_every_map_colour_occurs_in_thirty_scenes():
    _, street_map = thirty_scenes()
    thin = {"road casing", "motorway casing", "path"}  # narrower than a pixel at this size
    missing = {name for name in MAP_COLOURS if not where_map_is(street_map, name).any()}
    assert missing <= thin


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 0), "count"), ((-3, 0), "count"), ((1, 0, 15), "size"), ((1, -1), "seed")],
)
def test_bad_arguments_are_named_in_the_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_pairs(*arguments)
