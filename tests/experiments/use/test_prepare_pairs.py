"""Pairs made of images that people have: what is written, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from experiments.launch import cli
from experiments.prepare_pairs import NAME, Config, run
from tf_gen.data import load_pairs


def draw(count, height=12, width=10, seed=0):
    """uint8 [count, height, width, 3]."""
    shape = (count, height, width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(folder, images, name="{}.png"):
    for i, image in enumerate(images):
        path = folder / name.format(i)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def pixels(path):
    with Image.open(path) as image:
        assert image.format == "PNG" and image.mode == "RGB"
        return np.asarray(image)


def by_name(folder):
    """{name: (folder that it lies in, pixels)}."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert len({path.name for path in paths}) == len(paths)
    return {path.name: (path.parent.name, pixels(path)) for path in paths}


@pytest.fixture
def photos(tmp_path):
    """A folder of twelve images."""
    return save(tmp_path / "photos", draw(12))


def test_combined_and_cut_again_the_sides_are_the_files_that_went_in(tmp_path):
    a, b = (save(tmp_path / name, draw(12, seed=seed)) for seed, name in enumerate("ab"))
    run(Config(make="pairs", input=a, input_b=b, output=tmp_path / "pairs"))
    run(Config(make="sides", input=tmp_path / "pairs", output=tmp_path / "sides"))
    for side, folder in (("A", a), ("B", b)):
        for i in range(12):
            (path,) = (tmp_path / "sides").glob(f"*{side}/{i}.png")
            np.testing.assert_array_equal(pixels(path), pixels(folder / f"{i}.png"))
    splits = {name: folder for name, (folder, _) in by_name(tmp_path / "pairs").items()}
    assert sorted(splits.values()).count("val") == 1
    (held_out,) = (tmp_path / "sides" / "valA").iterdir()
    assert splits[held_out.name] == "val"  # the splits that the pairs came in


@pytest.mark.parametrize("made", ["pairs", "sides"])
def test_what_is_written_is_read_as_pairs(tmp_path, made):
    a, b = (save(tmp_path / name, draw(12, 12, 12, seed)) for seed, name in enumerate("ab"))
    run(Config(make="pairs", input=a, input_b=b, output=tmp_path / "pairs"))
    run(Config(make="sides", input=tmp_path / "pairs", output=tmp_path / "sides"))
    train, val = (load_pairs(tmp_path / made, split, 12) for split in ("train", "val"))
    assert (len(train), len(val)) == (11, 1)
    original = pixels(a / val.names[0].rpartition("/")[2])
    np.testing.assert_array_equal(val.a[0], original)


def test_which_are_held_out_is_chosen_by_content_and_copies_stay_together(tmp_path):
    images = draw(20)
    first = save(tmp_path / "first", images)
    second = save(tmp_path / "second", images[::-1], "copy-{}.png")
    save(second, images, "{}.png")
    for name in ("first", "second"):
        run(Config(make="grey", input=tmp_path / name, output=tmp_path / f"{name}-pairs"))
    held_out = [
        {image.tobytes() for folder, image in by_name(tmp_path / f"{name}-pairs").values()
         if folder == "val"}
        for name in ("first", "second")
    ]  # fmt: skip
    assert len(held_out[0]) == 2 and held_out[0] == held_out[1]
    assert len(list((tmp_path / "second-pairs" / "val").iterdir())) == 4
    assert len(list(first.iterdir())) == 20  # the input is left alone


def test_a_grey_side_has_the_luminance_of_the_other(photos, tmp_path):
    run(Config(make="grey", input=photos, output=tmp_path / "pairs"))
    for name, (_, pair) in by_name(tmp_path / "pairs").items():
        a, b = np.split(pair, 2, axis=1)
        np.testing.assert_array_equal(a, pixels(photos / name))
        expected = np.asarray(Image.fromarray(a).convert("L"), int)
        assert np.abs(b - expected[..., None]).max() <= 1


def test_a_small_side_is_what_scaling_down_leaves(photos, tmp_path):
    run(Config(make="small", input=photos, output=tmp_path / "pairs", size=8, factor=8))
    for _, pair in by_name(tmp_path / "pairs").values():
        a, b = np.split(pair, 2, axis=1)
        assert a.shape == (8, 8, 3) and (b == b[0, 0]).all()
        assert np.abs(b[0, 0] - a.mean((0, 1))).max() <= 2
    for name, factor in (("default", None), ("four", 4)):
        run(Config(make="small", input=photos, output=tmp_path / name, size=8, factor=factor))
    for name, (folder, pair) in by_name(tmp_path / "default").items():
        np.testing.assert_array_equal(pair, pixels(tmp_path / "four" / folder / name))


def test_a_masked_side_lacks_a_rectangle_that_stays_where_it_is(photos, tmp_path):
    places = []
    for time in "12":
        run(Config(make="masked", input=photos, output=tmp_path / time))
        _, pair = by_name(tmp_path / time)["3.png"]
        a, b = np.split(pair, 2, axis=1)
        hidden = (b == 127).all(-1)
        assert hidden.sum() == 6 * 5
        np.testing.assert_array_equal(b[~hidden], a[~hidden])
        places.append(hidden)
    np.testing.assert_array_equal(*places)


@pytest.mark.parametrize("kind", ["canny_edges", pytest.param("hed_edges", marks=pytest.mark.slow)])
def test_edges_are_dark_where_an_image_changes_and_white_elsewhere(kind, tmp_path):
    image = np.full((64, 64, 3), 240, np.uint8)
    image[:, 32:] = 20
    save(tmp_path / "in", [image, image[:, ::-1]])
    run(Config(make=kind, input=tmp_path / "in", output=tmp_path / "pairs", val_share=0.5))
    for _, pair in by_name(tmp_path / "pairs").values():
        middle = pair[16:48, 64:].mean((0, 2))
        assert middle[30:34].min() < 80 and middle[8:24].min() > 200


def test_sizes_are_cut_square_from_the_middle(tmp_path):
    image = np.zeros((20, 40, 3), np.uint8)
    image[5:15, 15:25] = 255
    save(tmp_path / "in", [image, 255 - image])
    run(Config(make="grey", input=tmp_path / "in", output=tmp_path / "pairs", size=4, crop=0.5))
    found = {pair[:, :4].tobytes() for _, pair in by_name(tmp_path / "pairs").values()}
    assert found == {bytes([255] * 48), bytes(48)}


def test_unreadable_images_are_all_listed_or_left_out_when_asked(photos, tmp_path, capsys):
    for name in ("x.png", "y.png"):
        (photos / name).write_bytes(b"no image")
    options = Config(make="grey", input=photos, output=tmp_path / "pairs")
    assert cli.guarded(NAME, run, options) == 2
    error = capsys.readouterr().err
    assert "2 unreadable" in error and "x.png" in error and "y.png" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]
    run(Config(make="grey", input=photos, output=tmp_path / "pairs", skip_unreadable=True))
    assert len(by_name(tmp_path / "pairs")) == 12 and "x.png" in capsys.readouterr().out


BAD = {
    "no such folder": ({"input": "nowhere"}, "no such folder"),
    "an empty folder": ({"input": "empty"}, "--input", "no images"),
    "output that exists": ({"output": "photos"}, "--output", "exists"),
    "no second folder": ({"make": "pairs"}, "--input-b"),
    "a second folder for nothing": ({"input_b": "photos"}, "--input-b"),
    "folders that do not match": (
        {"make": "pairs", "input_b": "other"}, "--input-b", "10.png, 11.png", "same name",
    ),
    "sides of different sizes": ({"make": "pairs", "input_b": "larger"}, "differ in size"),
    "images that are no pairs": ({"make": "sides"}, "12 unreadable: 0.png: no pair"),
    "one image": ({"input": "one"}, "--input", "at least 2"),
    "a crop of nothing": ({"crop": 0.5}, "--crop", "--size"),
    "more than all": ({"val_share": 1.1}, "--val-share"),
    "three parts": ({"input": "three"}, "--input", "beside train/ and val/ lies test; move away"),
    "an image beside parts": ({"input": "beside"}, "train/ and test/ lies 0.png and 1 more; move"),
    "a share of what is split": ({"input": "two", "val_share": 0.2}, "--val-share: the input is"),
    "a factor for nothing": ({"factor": 8}, "--factor: is of --make small, not of grey"),
}  # fmt: skip


PARTS = {
    "two": ("train", "val"), "three": ("train", "val", "test"), "beside": ("train", "test", "."),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_ends_in_one_line_and_exit_code_2(case, photos, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    save(tmp_path / "other", draw(10))
    save(tmp_path / "larger", draw(12, 14))
    save(tmp_path / "one", draw(1))
    for name, parts in PARTS.items():
        for part in parts:
            save(tmp_path / name / part, draw(2))
    before = sorted(tmp_path.rglob("*"))
    changed, *messages = BAD[case]
    given = {"make": "grey", "input": "photos", "output": "out"} | changed
    given = {
        k: tmp_path / v if k in ("input", "input_b", "output") else v for k, v in given.items()
    }
    assert cli.guarded(NAME, run, Config(**given)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(message in error for message in messages), error
    assert sorted(tmp_path.rglob("*")) == before
