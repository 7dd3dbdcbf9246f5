"""Folders of pairs, in both layouts, and what is said of each mistake in them."""

import subprocess

import numpy as np
import pytest
from PIL import Image

from tf_gen.data.pairs import load_pairs
from tf_gen.errors import UserError

SIZE = 8


def drawn(index, side, height=SIZE, width=SIZE):
    """Side "A" or "B" of a pair: noise of its own, uint8 [height, width, 3]."""
    rng = np.random.default_rng([index, "AB".index(side)])
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def save(image, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def side_by_side(root, split="train", names=("1.png", "2.png", "10.png")):
    """Draw pairs of the first layout; the name's number tells the pair."""
    for name in names:
        index = int(name.split(".")[0])
        save(np.hstack([drawn(index, "A"), drawn(index, "B")]), root / split / name)
    return root


def two_folders(root, split="train", names=("1.png", "2.png", "10.png")):
    """The same pairs in the second layout."""
    for name in names:
        for side in "AB":
            save(drawn(int(name.split(".")[0]), side), root / f"{split}{side}" / name)
    return root


def both_sides(*indices):
    """(A, B) of pairs as they were drawn, each [N, 8, 8, 3]."""
    return tuple(np.stack([drawn(index, side) for index in indices]) for side in "AB")


def damage(path):
    """Cut a file off in its middle."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def assert_holds(pairs, *indices):
    """Those pairs, in that order, the sides the right way round."""
    assert len(pairs) == len(indices)
    for images, expected in zip((pairs.a, pairs.b), both_sides(*indices), strict=True):
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, expected)


def refusal(folder, split="train", size=SIZE, **options):
    """What is said when the folder is refused."""
    with pytest.raises(UserError) as caught:
        load_pairs(folder, split, size, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


LAYOUTS = pytest.mark.parametrize("layout", [side_by_side, two_folders])


@LAYOUTS
def test_pairs_come_in_natural_order_with_a_left_and_b_right(layout, tmp_path):
    pairs = load_pairs(layout(tmp_path), "train", SIZE)
    assert_holds(pairs, 1, 2, 10)
    assert [name.split("/")[1] for name in pairs.names] == ["1.png", "2.png", "10.png"]
    assert pairs.skipped == ()


@LAYOUTS
def test_the_folder_may_be_given_as_text(layout, tmp_path):
    assert_holds(load_pairs(str(layout(tmp_path)), "train", SIZE), 1, 2, 10)


@LAYOUTS
@pytest.mark.parametrize("name", ["val", "test"])
def test_the_validation_split_is_called_val_or_test(layout, name, tmp_path):
    layout(tmp_path)
    layout(tmp_path, name, ["3.png", "4.png"])
    assert_holds(load_pairs(tmp_path, "val", SIZE), 3, 4)
    assert_holds(load_pairs(tmp_path, "train", SIZE), 1, 2, 10)


@LAYOUTS
def test_val_goes_before_test(layout, tmp_path):
    layout(tmp_path, "val", ["3.png"])
    layout(tmp_path, "test", ["4.png"])
    assert_holds(load_pairs(tmp_path, "val", SIZE), 3)


def test_directions_name_inputs_and_targets(tmp_path):
    pairs = load_pairs(side_by_side(tmp_path), "train", SIZE)
    a, b = both_sides(1, 2, 10)
    for direction, expected in (("map_to_aerial", (b, a)), ("aerial_to_map", (a, b))):
        for images, side in zip(pairs.towards(direction), expected, strict=True):
            np.testing.assert_array_equal(images, side)
    with pytest.raises(KeyError):
        pairs.towards("sideways")


@pytest.mark.parametrize("layout", ["one file", "two files"])
def test_each_side_is_resized_by_area_on_its_own(layout, tmp_path):
    a, b = drawn(1, "A", 12, 24), drawn(1, "B", 12, 24)
    if layout == "one file":
        save(np.hstack([a, b]), tmp_path / "train" / "1.png")
    else:
        save(a, tmp_path / "trainA" / "1.png")
        save(b, tmp_path / "trainB" / "1.png")
    pairs = load_pairs(tmp_path, "train", 4)
    for images, side in ((pairs.a, a), (pairs.b, b)):
        witness = side.reshape(4, 3, 4, 6, 3).mean(axis=(1, 3))
        assert images.shape == (1, 4, 4, 3)
        assert np.abs(images[0] - witness).max() <= 0.5 + 1e-3


def test_images_of_other_modes_become_rgb(tmp_path):
    grey = drawn(1, "A", SIZE, 2 * SIZE)[..., 0]
    save(grey, tmp_path / "train" / "1.png")
    pairs = load_pairs(tmp_path, "train", SIZE)
    witness = np.repeat(grey[..., None], 3, axis=-1)
    np.testing.assert_array_equal(np.concatenate([pairs.a[0], pairs.b[0]], axis=1), witness)


def test_other_files_are_passed_over(tmp_path):
    side_by_side(tmp_path)
    (tmp_path / "train" / "notes.txt").write_text("of no concern")
    assert_holds(load_pairs(tmp_path, "train", SIZE), 1, 2, 10)


# --------------------------------------------------------------------------------------- digest


def printed_digest(root, *folders):
    """What the report's command prints for these folders."""
    command = f"find {' '.join(folders)} -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    done = subprocess.run(command, shell=True, cwd=root, check=True, capture_output=True)
    return done.stdout.decode().split()[0]


@pytest.mark.parametrize(
    ("layout", "folders"), [(side_by_side, ["train"]), (two_folders, ["trainA", "trainB"])]
)
def test_the_digest_is_what_the_reports_command_prints(layout, folders, tmp_path):
    layout(tmp_path)
    layout(tmp_path, "val")
    pairs = load_pairs(tmp_path, "train", SIZE)
    assert pairs.digest == printed_digest(tmp_path, *folders)


@LAYOUTS
def test_the_digest_tells_a_changed_image_but_not_the_size_read(layout, tmp_path):
    before = load_pairs(layout(tmp_path), "train", SIZE).digest
    assert load_pairs(tmp_path, "train", 4).digest == before
    path = next(tmp_path.glob("train*/2.png"))
    save(255 - np.asarray(Image.open(path)), path)
    assert load_pairs(tmp_path, "train", SIZE).digest != before


# ------------------------------------------------------------------------------------- mistakes


def test_a_missing_folder_is_named(tmp_path):
    assert str(tmp_path / "absent") in refusal(tmp_path / "absent")


def test_a_file_instead_of_a_folder_is_named(tmp_path):
    (tmp_path / "maps.zip").touch()
    assert "maps.zip" in refusal(tmp_path / "maps.zip")


@pytest.mark.parametrize(
    ("split", "wanted"),
    [
        ("train", ["train/", "trainA/", "trainB/"]),
        ("val", ["val/", "test/", "valA/", "valB/", "testA/", "testB/"]),
    ],
)
def test_a_folder_without_the_split_is_told_what_it_should_hold(split, wanted, tmp_path):
    message = refusal(tmp_path, split)
    for name in (str(tmp_path), *wanted):
        assert name in message


def test_a_folder_without_images_is_named(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "notes.txt").touch()
    assert f"{tmp_path}: no images" in refusal(tmp_path)


def test_two_folders_without_images_are_named(tmp_path):
    for side in "AB":
        (tmp_path / f"train{side}").mkdir()
    assert f"{tmp_path}: no images" in refusal(tmp_path)


@pytest.mark.parametrize("missing", "AB")
def test_a_missing_side_is_named(missing, tmp_path):
    two_folders(tmp_path)
    (tmp_path / f"train{missing}").rename(tmp_path / "elsewhere")
    assert "in one of trainA/ and trainB/; both sides are needed" in refusal(tmp_path)


def test_names_without_a_partner_are_named(tmp_path):
    two_folders(tmp_path)
    (tmp_path / "trainA" / "2.png").unlink()
    save(drawn(7, "A"), tmp_path / "trainA" / "7.png")
    message = refusal(tmp_path)
    assert "2.png, 7.png" in message
    assert "10.png" not in message


def test_many_names_without_a_partner_are_counted(tmp_path):
    two_folders(tmp_path, names=[f"{i}.png" for i in range(10, 40)])
    for i in range(10, 35):
        (tmp_path / "trainB" / f"{i}.png").unlink()
    message = refusal(tmp_path)
    assert "10.png, 11.png" in message
    assert "15 more" in message


def test_an_odd_width_is_named(tmp_path):
    side_by_side(tmp_path)
    save(drawn(3, "A", SIZE, 2 * SIZE + 1), tmp_path / "train" / "3.png")
    message = refusal(tmp_path)
    assert "train/3.png" in message
    assert "halves differ in size" in message
    assert f"{2 * SIZE + 1}" in message


@pytest.mark.parametrize("shape", [(40, 40), (60, 40), (30, 40), (40, 55)])
@pytest.mark.parametrize("split", ["train", "val"])
def test_photographs_in_the_place_of_pairs_are_refused_by_name(split, shape, tmp_path):
    for number in (1, 2):
        save(drawn(number, "A", *shape), tmp_path / split / f"{number}.png")
    said = f"{split}/1.png: no pair, it is {shape[1] / shape[0]:.3g} times as wide as high; side by"
    for skip in (False, True):
        message = refusal(tmp_path, split, skip_unreadable=skip)
        assert said in message and f"{split}A/ and {split}B/" in message


@pytest.mark.parametrize("shape", [(40, 60), (297, 420), (40, 120)])
def test_pairs_of_portraits_sheets_and_landscapes_are_read(shape, tmp_path):
    save(drawn(1, "A", *shape), tmp_path / "train" / "1.png")
    assert len(load_pairs(tmp_path, "train", SIZE)) == 1


@pytest.mark.parametrize("shape", [(SIZE, SIZE + 2), (SIZE + 2, SIZE)])
def test_sides_of_different_sizes_are_named(shape, tmp_path):
    two_folders(tmp_path)
    save(drawn(2, "B", *shape), tmp_path / "trainB" / "2.png")
    message = refusal(tmp_path)
    assert "2.png" in message
    assert f"{SIZE} x {SIZE} and {shape[1]} x {shape[0]}" in message


@pytest.mark.parametrize(
    ("layout", "folder"),
    [(side_by_side, "train"), (two_folders, "trainA"), (two_folders, "trainB")],
)
def test_a_truncated_file_is_named_or_skipped_with_its_pair(layout, folder, tmp_path):
    layout(tmp_path)
    damage(tmp_path / folder / "2.png")
    message = refusal(tmp_path)
    assert f"{folder}/2.png" in message
    assert "skip_unreadable=True" in message

    pairs = load_pairs(tmp_path, "train", SIZE, skip_unreadable=True)
    assert_holds(pairs, 1, 10)
    assert [name.split("/")[1] for name in pairs.names] == ["1.png", "10.png"]
    ((name, reason),) = pairs.skipped
    assert name.split("/")[1] == "2.png"
    assert f"{folder}/2.png" in reason


def test_a_skipped_pair_counts_in_no_digest(tmp_path):
    two_folders(tmp_path)
    damage(tmp_path / "trainB" / "2.png")
    with_skipped = load_pairs(tmp_path, "train", SIZE, skip_unreadable=True).digest
    for side in "AB":
        (tmp_path / f"train{side}" / "2.png").unlink()
    assert load_pairs(tmp_path, "train", SIZE).digest == with_skipped


def test_pairs_that_do_not_fit_are_skipped_too(tmp_path):
    side_by_side(tmp_path)
    save(drawn(3, "A", SIZE, 2 * SIZE + 1), tmp_path / "train" / "3.png")
    save(drawn(4, "A", SIZE, SIZE), tmp_path / "train" / "4.png")
    pairs = load_pairs(tmp_path, "train", SIZE, skip_unreadable=True)
    assert_holds(pairs, 1, 2, 10)
    assert [name for name, _ in pairs.skipped] == ["train/3.png", "train/4.png"]


@LAYOUTS
def test_pairs_may_lie_deeper(layout, tmp_path):
    layout(tmp_path)
    for folder in tmp_path.glob("train*"):
        folder.rename(tmp_path / "inner")
        folder.mkdir()
        (tmp_path / "inner").rename(folder / "like a file.png")
    assert_holds(load_pairs(tmp_path, "train", SIZE), 1, 2, 10)


@LAYOUTS
def test_all_bad_files_are_listed_in_one_refusal(layout, tmp_path):
    layout(tmp_path)
    for name in ("1.png", "10.png"):
        damage(next(tmp_path.glob(f"train*/{name}")))
    message = refusal(tmp_path)
    assert "/1.png" in message
    assert "/10.png" in message
    assert "/2.png" not in message


@LAYOUTS
def test_a_folder_with_no_readable_pair_is_refused_even_when_skipping(layout, tmp_path):
    layout(tmp_path)
    for path in tmp_path.glob("train*/*.png"):
        damage(path)
    assert "none of its 3 pairs" in refusal(tmp_path, skip_unreadable=True)


@LAYOUTS
@pytest.mark.parametrize("channels", [(1, 3), (4, 1)])
def test_each_side_has_channels_of_its_own(layout, channels, tmp_path):
    pairs = load_pairs(layout(tmp_path), "train", SIZE, channels=channels)
    modes = {1: "L", 3: "RGB", 4: "RGBA"}
    for images, sides, count in zip(
        (pairs.a, pairs.b), both_sides(1, 2, 10), channels, strict=True
    ):
        expected = [np.atleast_3d(Image.fromarray(side).convert(modes[count])) for side in sides]
        np.testing.assert_array_equal(images, expected)


@LAYOUTS
def test_sides_may_be_higher_than_wide(layout, tmp_path):
    pairs = load_pairs(layout(tmp_path), "train", (SIZE, SIZE // 2))
    a, _ = both_sides(1, 2, 10)
    expected = a.reshape(3, SIZE, SIZE // 2, 2, 3).mean(3)
    np.testing.assert_allclose(pairs.a, expected, atol=1)


def test_a_pair_of_upright_sides_is_one_where_such_are_asked_for(tmp_path):
    save(draw_pair(16, 8), tmp_path / "train" / "1.png")  # a square
    assert "about 2 times" in refusal(tmp_path)
    assert load_pairs(tmp_path, "train", (16, 8)).a.shape == (1, 16, 8, 3)


def draw_pair(height, width):
    """Both sides, side by side."""
    return np.hstack([drawn(0, side, height, width) for side in "AB"])
