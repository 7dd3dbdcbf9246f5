"""The drawn faces: repeatable, varied, of their style, and faces rather than patterns."""

import functools
import time

import numpy as np
import pytest

from tf_gen.data.drawn.faces import STYLES, draw_faces

both_styles = pytest.mark.parametrize("style", STYLES)
# Rows and columns, at 64 x 64, of the left eye and of the cheek below it.
EYES = {"anime": (slice(34, 46), slice(16, 27)), "cartoon": (slice(30, 39), slice(20, 29))}
CHEEKS = {"anime": (slice(46, 50), slice(25, 30)), "cartoon": (slice(41, 44), slice(21, 26))}


@functools.cache
def many_faces(style):
    """Return 300 faces as an int array [300, 64, 64, 3]; the tests share them to stay fast."""
    return draw_faces(300, seed=0, style=style).astype(int)


def boxes(faces, where):
    """Return a box on the left half and its counterpart on the right, side by side."""
    rows, columns = where
    return np.concatenate([faces[:, rows, columns], faces[:, :, ::-1][:, rows, columns]], axis=2)


@both_styles
def test_the_same_seed_draws_the_same_faces(style):
    np.testing.assert_array_equal(draw_faces(5, 7, style), draw_faces(5, 7, style))


@both_styles
def test_fewer_faces_are_the_first_of_many(style):
    np.testing.assert_array_equal(draw_faces(5, 0, style), many_faces(style)[:5])


@both_styles
def test_another_seed_draws_other_faces(style):
    difference = np.abs(draw_faces(20, 1, style) - many_faces(style)[:20])
    assert difference.mean(axis=(1, 2, 3)).min() > 5


@both_styles
@pytest.mark.parametrize(("count", "size"), [(0, 64), (1, 16), (3, 64), (2, 100)])
def test_faces_have_the_number_and_size_asked_for(style, count, size):
    faces = draw_faces(count, 3, style, size)
    assert faces.shape == (count, size, size, 3)
    assert faces.dtype == np.uint8


@both_styles
def test_faces_reach_from_dark_to_bright(style):
    faces = many_faces(style)
    assert faces.min(axis=(1, 2, 3)).max() < 100
    assert faces.max(axis=(1, 2, 3)).min() > 230


@both_styles
def test_no_two_faces_are_equal(style):
    assert len(np.unique(many_faces(style).reshape(300, -1), axis=0)) == 300


@both_styles
@pytest.mark.parametrize("size", [64, 96])
def test_another_size_shows_the_same_faces(style, size):
    small, large = draw_faces(20, 0, style, 32), draw_faces(20, 0, style, size)
    averaged = large.reshape(20, 32, size // 32, 32, size // 32, 3).mean(axis=(2, 4))
    assert np.abs(small - averaged).mean(axis=(1, 2, 3)).max() < 4
    assert np.abs(np.roll(small, 1, axis=0) - averaged).mean() > 20  # other faces do not agree


def test_cartoons_stand_on_white():
    faces = many_faces("cartoon")
    corners = faces[:, [0, 0, 0, 1, -2, -1, -1, -1], [0, 1, -1, -1, 0, 0, 1, -1]]
    assert corners.min() == 255
    assert (faces[:, 20:50, 20:44].min(axis=-1) < 250).mean() > 0.9


def test_anime_faces_have_a_coloured_ground():
    corners = many_faces("anime")[:, [0, 0, 1, 1], [0, -1, 0, -1]]
    assert corners.min(axis=-1).max() < 250
    assert (corners.max(axis=-1) - corners.min(axis=-1)).mean() > 20
    assert corners.std(axis=0).min() > 20


@both_styles
def test_edges_are_smooth(style):
    # Paint alone, unblended, leaves at most 65 colours on a face.
    colours = [len(np.unique(face.reshape(-1, 3), axis=0)) for face in many_faces(style)[:50]]
    assert min(colours) > 80


@both_styles
def test_cheeks_have_the_colour_of_skin(style):
    red, green, blue = np.median(boxes(many_faces(style), CHEEKS[style]), axis=(1, 2)).T
    assert ((red > green + 5) & (green > blue - 5)).mean() > 0.95


@both_styles
def test_eyes_stand_out_from_the_cheeks(style):
    brightness = many_faces(style).mean(axis=-1)
    eyes, cheeks = boxes(brightness, EYES[style]), boxes(brightness, CHEEKS[style])
    darker = eyes.min(axis=(1, 2)) < np.median(cheeks, axis=(1, 2)) - 25
    busier = eyes.std(axis=(1, 2)) > 1.5 * cheeks.std(axis=(1, 2))
    assert darker.mean() > 0.85  # glasses and beards may hide an eye or a cheek
    assert busier.mean() > 0.85


@both_styles
def test_a_face_resembles_its_own_mirror_image_more_than_that_of_another(style):
    faces = many_faces(style)
    mirrored = faces[:, :, ::-1]
    own = np.abs(faces - mirrored).mean(axis=(1, 2, 3))
    others = np.abs(faces - np.roll(mirrored, 1, axis=0)).mean(axis=(1, 2, 3))
    assert own.mean() < 0.6 * others.mean()


@both_styles
def test_faces_vary(style):
    faces = many_faces(style)
    distances = np.abs(faces[:150] - faces[150:]).mean(axis=(1, 2, 3))
    spread = faces.std(axis=0).mean(axis=-1)  # [64, 64]
    assert distances.mean() > 30
    assert distances.min() > 10
    assert spread[16:56, 16:48].mean() > 40


@both_styles
def test_a_hundred_faces_take_seconds_at_most(style):
    started = time.perf_counter()
    draw_faces(100, 2, style)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 0, "oil"), "style"),
        ((-1,), "count"),
        ((1, -1), "seed"),
        ((1, 0, "anime", 15), "size"),
    ],
)
def test_bad_arguments_are_named_in_the_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_faces(*arguments)
