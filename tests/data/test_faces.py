"""Folders of images of one kind: what is read, how it is split, what is said of each mistake."""

import hashlib
import shutil
import subprocess
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from tf_gen.data.faces import load_faces
from tf_gen.errors import UserError

SIZE = 8


def drawn(index, height=SIZE, width=SIZE):
    """Noise of its own for each index, uint8 [height, width, 3]."""
    return np.random.default_rng(index).integers(0, 256, (height, width, 3), np.uint8)


def save(image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)


def folder_of(root, *names):
    """Draw images; the number in a file's name tells which."""
    for name in names:
        save(drawn(int((root / name).stem)), root / name)
    return root


def numbered(root, n):
    return folder_of(root, *(f"{index}.png" for index in range(n)))


def two_classes(root, n_cats=4, n_dogs=4):
    """``cats/0.png ...`` and ``dogs/100.png ...``"""
    numbered(root / "cats", n_cats)
    folder_of(root / "dogs", *(f"{100 + index}.png" for index in range(n_dogs)))
    return root


def both(splits):
    """{name: (image, label)} of both splits together."""
    parts = (splits.train, splits.val)
    return {
        name: (image, label)
        for part in parts
        for name, image, label in zip(part.names, part.images, part.labels, strict=True)
    }


def contents(part):
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in part.images]


def read_alone(path, size=SIZE, **options):
    """The image at a path, read from a folder of which it is one of two: uint8 [size, size, 3]."""
    save(np.full((3, 3, 3), 77, np.uint8), path.parent / "other.png")
    return both(load_faces(path.parent, size, **options))[path.name][0]


def refusal(folder, size=SIZE, **options):
    """What is said when the folder is refused."""
    with pytest.raises(UserError) as caught:
        load_faces(folder, size, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -------------------------------------------------------------------------------- what is found


def test_a_folder_is_read_in_natural_order_into_two_splits(tmp_path):
    names = [f"{index}.png" for index in range(12)]
    splits = load_faces(numbered(tmp_path, 12), SIZE, val_share=0.25)
    assert (len(splits.train), len(splits.val)) == (9, 3)
    for part in (splits.train, splits.val):
        assert part.images.dtype == np.uint8
        assert part.images.shape == (len(part), SIZE, SIZE, 3)
        assert part.labels.dtype == np.int32
        assert part.labels.tolist() == [0] * len(part)
        assert part.names == tuple(name for name in names if name in part.names)
        assert part.classes == ()
        witness = [drawn(int(name.split(".")[0])) for name in part.names]
        np.testing.assert_array_equal(part.images, witness)
    assert sorted(splits.train.names + splits.val.names) == sorted(names)
    assert (splits.skipped, splits.duplicates, splits.left_out) == ((), (), ())


def test_the_folder_may_be_given_as_text(tmp_path):
    assert len(both(load_faces(str(numbered(tmp_path, 3)), SIZE))) == 3


def test_nested_folders_are_read_numbers_counting_at_each_level(tmp_path):
    names = ("1.png", "2/3.png", "2/20/4.png", "10/5.png", "10/11.png", "12.png", "13.png")
    splits = load_faces(folder_of(tmp_path, *reversed(names)), SIZE, val_share=0.01)
    assert splits.train.names == tuple(name for name in names if name not in splits.val.names)
    assert len(splits.val) == 1


def test_names_of_any_language_and_extensions_of_any_case_are_read(tmp_path):
    names = ("портрет/лицо 1.PNG", "顔/é👩.Jpg", "x.bmp", "y.GIF", "z.WebP", "w.jpeg")
    for index, name in enumerate(names):
        save(drawn(index), tmp_path / name)
    (tmp_path / "notes.txt").write_text("of no concern")
    assert sorted(both(load_faces(tmp_path, SIZE))) == sorted(names)


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    root = folder_of(tmp_path / ".data", "1.png", "2.png", "3.png", ".thumbs/4.png", "a/.b/5.png")
    (root / "._1.png").write_bytes(b"not an image")
    assert sorted(both(load_faces(root, SIZE))) == ["1.png", "2.png", "3.png"]
    two_classes(root)
    assert load_faces(root, SIZE, by_class=True).train.classes == ("cats", "dogs")


def test_links_to_files_and_folders_are_followed(tmp_path):
    folder_of(tmp_path / "elsewhere", "1.png", "2.png")
    folder_of(tmp_path / "faces", "3.png")
    (tmp_path / "faces" / "a.png").symlink_to(tmp_path / "elsewhere" / "1.png")
    (tmp_path / "faces" / "b").symlink_to(tmp_path / "elsewhere")
    splits = load_faces(tmp_path / "faces", SIZE)
    assert sorted(both(splits)) == ["3.png", "a.png", "b/2.png"]
    assert splits.duplicates == (("b/1.png", "a.png"),)
    (tmp_path / "link").symlink_to(tmp_path / "faces")
    assert both(load_faces(tmp_path / "link", SIZE)).keys() == both(splits).keys()


@pytest.mark.parametrize("target", ["", "..", "cats", "cats/deep", "dogs/to_cats"])
@pytest.mark.parametrize("by_class", [False, True])
def test_links_in_a_circle_come_to_an_end(target, by_class, tmp_path):
    root = two_classes(tmp_path / "root")
    folder_of(root / "cats" / "deep", "50.png")
    folder_of(tmp_path, "200.png")  # above the folder: no link may bring it in
    (root / "cats" / "deep" / "back").symlink_to((root / target).resolve())
    (root / "cats" / "to_dogs").symlink_to(root / "dogs")
    (root / "dogs" / "to_cats").symlink_to(root / "cats")
    (root / "loop").symlink_to(root)
    (root / "itself").symlink_to(root / "itself")
    if not by_class:
        assert len(both(load_faces(root, SIZE))) == 9
    else:  # through the links all images are in both classes: the first class keeps them
        assert f"{root / 'dogs'}: 0 image" in refusal(root, by_class=True)


@pytest.mark.parametrize("target", ["root", "."])
def test_a_link_up_brings_no_class_the_images_of_others(target, tmp_path):
    root = two_classes(tmp_path / "root")
    (root / "cats" / "up").symlink_to(tmp_path / target)
    (root / "all").symlink_to(tmp_path / target)
    splits = load_faces(root, SIZE, by_class=True)
    assert splits.train.classes == ("cats", "dogs")
    assert len(both(splits)) == 8
    assert splits.duplicates == ()


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (numbered(tmp_path, 3) / "9.png").symlink_to(tmp_path / "gone.png")
    assert "9.png" in refusal(tmp_path)
    assert len(both(load_faces(tmp_path, SIZE, skip_unreadable=True))) == 3


# ------------------------------------------------------------------------------ pixels and crop


def test_grey_and_palette_images_become_rgb(tmp_path):
    grey, colours = drawn(1)[..., 0], drawn(2)[:2].reshape(-1, 3)
    save(grey, tmp_path / "grey.png")
    palette = Image.fromarray(grey % 16)
    palette.putpalette(colours.tobytes())
    save(palette, tmp_path / "palette.png")
    images = both(load_faces(tmp_path, SIZE))
    np.testing.assert_array_equal(images["grey.png"][0], np.stack([grey] * 3, axis=-1))
    np.testing.assert_array_equal(images["palette.png"][0], colours[grey % 16])


def test_transparency_is_white(tmp_path):
    alpha = drawn(2)[..., 0]
    save(np.dstack([drawn(1), alpha]), tmp_path / "1.png")
    share = alpha[..., None] / 255
    witness = drawn(1) * share + 255 * (1 - share)
    assert np.abs(read_alone(tmp_path / "1.png") - witness).max() <= 1


def test_a_jpeg_is_read_as_pillow_reads_it(tmp_path):
    save(drawn(1), tmp_path / "1.jpg")
    witness = np.asarray(Image.open(tmp_path / "1.jpg"))
    np.testing.assert_array_equal(read_alone(tmp_path / "1.jpg"), witness)


@pytest.mark.parametrize("shape", [(16, 16), (16, 30), (30, 16), (17, 16), (16, 21), (1000, 16)])
def test_the_centred_square_is_taken(shape, tmp_path):
    save(drawn(1, *shape), tmp_path / "1.png")
    top, left = (shape[0] - 16) // 2, (shape[1] - 16) // 2
    witness = drawn(1, *shape)[top : top + 16, left : left + 16]
    np.testing.assert_array_equal(read_alone(tmp_path / "1.png", 16), witness)


@pytest.mark.parametrize(
    ("shape", "share", "rows", "columns"),
    [
        ((16, 16), 0.5, slice(4, 12), slice(4, 12)),
        ((16, 24), 0.5, slice(4, 12), slice(8, 16)),
        ((32, 16), 0.75, slice(10, 22), slice(2, 14)),
        ((96, 96), 0.75, slice(12, 84), slice(12, 84)),
        ((10, 10), 0.01, slice(4, 5), slice(4, 5)),  # never less than one pixel
    ],
)
def test_the_crop_keeps_the_centre_of_the_square(shape, share, rows, columns, tmp_path):
    save(drawn(1, *shape), tmp_path / "1.png")
    witness = drawn(1, *shape)[rows, columns]
    image = read_alone(tmp_path / "1.png", len(witness), crop=(share,))
    np.testing.assert_array_equal(image, witness)


def test_the_crop_is_resized_by_area(tmp_path):
    save(drawn(1, 32, 40), tmp_path / "1.png")
    witness = drawn(1, 32, 40)[4:28, 8:32].reshape(8, 3, 8, 3, 3).mean(axis=(1, 3))
    assert np.abs(read_alone(tmp_path / "1.png", crop=(0.75,)) - witness).max() <= 0.5 + 1e-3


def test_images_of_mixed_sizes_come_in_one_size(tmp_path):
    for index, shape in enumerate([(1, 1), (8, 8), (5, 90), (90, 5), (33, 31)]):
        save(drawn(index, *shape), tmp_path / f"{index}.png")
    images = both(load_faces(tmp_path, SIZE))
    assert {image.shape for image, _ in images.values()} == {(SIZE, SIZE, 3)}
    np.testing.assert_array_equal(images["0.png"][0], np.broadcast_to(drawn(0, 1, 1), (8, 8, 3)))


def test_each_class_has_a_crop_of_its_own_in_the_order_of_labels(tmp_path):
    for index in range(3):
        save(drawn(index, 16, 16), tmp_path / "a" / f"{index}.png")
        save(drawn(9 + index, 32, 32), tmp_path / "b" / f"{index}.png")
    images = both(load_faces(tmp_path, SIZE, by_class=True, crop=(0.5, 0.25)))
    for index in range(3):
        a, b = images[f"a/{index}.png"][0], images[f"b/{index}.png"][0]
        np.testing.assert_array_equal(a, drawn(index, 16, 16)[4:12, 4:12])
        np.testing.assert_array_equal(b, drawn(9 + index, 32, 32)[12:20, 12:20])


@pytest.mark.parametrize(
    ("crop", "by_class"),
    [
        ((), False),
        ((0.5, 0.5), False),
        ((0.5, 0.5, 0.5), True),
        ((), True),
        ((0.0,), False),
        ((1.01,), False),
        ((-0.5, 1), True),
        ((float("nan"),), False),
    ],
)
def test_shares_that_do_not_fit_are_refused(crop, by_class, tmp_path):
    message = refusal(two_classes(tmp_path), crop=crop, by_class=by_class)
    assert message.startswith("crop=(")
    assert ("cats, dogs" in message) == by_class


# ------------------------------------------------------------------------------ duplicates, split


@pytest.mark.parametrize("seed", range(8))
def test_an_image_that_lies_there_often_is_in_one_split_once(seed, tmp_path):
    indices = np.random.default_rng(seed).integers(0, 12, 40)
    for place, index in enumerate(indices):
        save(
            drawn([seed, index]),
            tmp_path / f"{place}.{('png', 'bmp', 'webp')[place % 3]}",
            **({"lossless": True} if place % 3 == 2 else {}),
        )
    splits = load_faces(tmp_path, SIZE, val_share=0.3)
    n_different = len(set(indices.tolist()))
    all_contents = contents(splits.train) + contents(splits.val)
    assert len(all_contents) == len(set(all_contents)) == n_different
    assert len(splits.duplicates) == 40 - n_different
    for name, kept in splits.duplicates:
        place, first = int(name.split(".")[0]), int(kept.split(".")[0])
        assert first == np.flatnonzero(indices == indices[place])[0] < place
        assert kept in both(splits)


def test_what_is_equal_only_as_the_model_sees_it_is_one_image(tmp_path):
    numbered(tmp_path, 3)
    save(np.pad(drawn(1), ((0, 0), (5, 5), (0, 0))), tmp_path / "4.png")  # cut to the square
    save(np.kron(drawn(2), np.ones((2, 2, 1), np.uint8)), tmp_path / "5.png")  # made smaller
    splits = load_faces(tmp_path, SIZE)
    assert splits.duplicates == (("4.png", "1.png"), ("5.png", "2.png"))
    assert load_faces(tmp_path, 2 * SIZE).duplicates == (("4.png", "1.png"),)


def test_an_image_in_two_classes_stays_in_the_first(tmp_path):
    save(drawn(1), two_classes(tmp_path) / "dogs" / "1.bmp")
    splits = load_faces(tmp_path, SIZE, by_class=True)
    assert splits.duplicates == (("dogs/1.bmp", "cats/1.png"),)
    assert "cats/1.png" in both(splits)


@pytest.mark.parametrize(
    ("n", "share", "n_val"), [(10, 0.1, 1), (10, 0.26, 3), (40, 0.5, 20), (3, 0.01, 1), (2, 0.9, 1)]
)
def test_the_share_of_the_smallest_hashes_validates(n, share, n_val, tmp_path):
    splits = load_faces(numbered(tmp_path, n), SIZE, val_share=share)
    smallest = sorted(hashlib.sha256(drawn(index).tobytes()).hexdigest() for index in range(n))
    assert sorted(contents(splits.val)) == smallest[:n_val]
    assert sorted(contents(splits.train)) == smallest[n_val:]


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_outside_of_0_and_1_is_refused(share, tmp_path):
    assert f"val_share {share}" in refusal(numbered(tmp_path, 4), val_share=share)


@pytest.mark.parametrize("by_class", [False, True])
def test_each_class_is_split_on_its_own(by_class, tmp_path):
    splits = load_faces(two_classes(tmp_path, 20, 20), SIZE, by_class=by_class, val_share=0.2)
    counts = np.bincount(splits.val.labels).tolist()
    assert counts == ([4, 4] if by_class else [8])


def test_names_have_no_say_in_the_split(tmp_path):
    before = load_faces(numbered(tmp_path / "a", 20), SIZE, val_share=0.3)
    for index in range(20):
        save(drawn(index), tmp_path / "b" / f"{index % 3}" / f"face {100 - index}.bmp")
    after = load_faces(tmp_path / "b", SIZE, val_share=0.3)
    assert set(contents(after.val)) == set(contents(before.val))
    assert set(contents(after.train)) == set(contents(before.train))


@pytest.mark.parametrize("new", range(100, 110))
@pytest.mark.parametrize("by_class", [False, True])
def test_one_image_more_moves_two_others_at_most(new, by_class, tmp_path):
    options = {"by_class": by_class, "val_share": 0.3}
    before = load_faces(two_classes(tmp_path, 16, 20), SIZE, **options)
    save(drawn(new + 100), tmp_path / ("dogs", "cats")[new % 2] / f"new {new}.png")
    after = load_faces(tmp_path, SIZE, **options)
    for part in ("train", "val"):
        was, now = (set(getattr(splits, part).names) for splits in (before, after))
        for prefix in ("cats/", "dogs/"):
            assert sum(name.startswith(prefix) for name in was - now) <= 2
    assert not set(after.train.names) & set(after.val.names)


# ------------------------------------------------------------------------------------- classes


def test_classes_are_labelled_in_the_order_of_their_names(tmp_path):
    for index, name in enumerate(("b", "a", "B", "10", "9")):
        folder_of(tmp_path / name, *(f"{10 * index + place}.png" for place in range(3)))
    (tmp_path / "empty").mkdir()
    (tmp_path / "list").mkdir()
    (tmp_path / "list" / "notes.txt").touch()
    numbered(tmp_path, 2)  # beside the sub-folders: of no class
    splits = load_faces(tmp_path, SIZE, by_class=True)
    classes = ("10", "9", "B", "a", "b")
    assert splits.train.classes == splits.val.classes == classes
    assert len(both(splits)) == 15
    for name, (_, label) in both(splits).items():
        assert name.split("/")[0] == classes[label]
    assert splits.train.labels.tolist() == sorted(splits.train.labels.tolist())


def test_images_of_a_class_may_lie_deeper(tmp_path):
    folder_of(two_classes(tmp_path, 2, 3), "cats/tabby/7.png")
    splits = load_faces(tmp_path, SIZE, by_class=True)
    assert both(splits)["cats/tabby/7.png"][1] == 0
    assert splits.train.classes == ("cats", "dogs")


def test_classes_are_cut_to_the_smallest_after_duplicates_went(tmp_path):
    save(drawn(0), two_classes(tmp_path, 5, 12) / "cats" / "a copy.png")
    splits = load_faces(tmp_path, SIZE, by_class=True, val_share=0.2)
    assert np.bincount(splits.train.labels).tolist() == [4, 4]
    assert np.bincount(splits.val.labels).tolist() == [1, 1]
    read = {*splits.train.names, *splits.val.names}
    assert len(splits.left_out) == 7 and not read & {*splits.left_out}
    assert splits.duplicates == (("cats/a copy.png", "cats/0.png"),)
    smallest = sorted(hashlib.sha256(drawn(100 + i).tobytes()).hexdigest() for i in range(12))[:5]
    dogs = [image for image, label in both(splits).values() if label == 1]
    assert sorted(hashlib.sha256(image.tobytes()).hexdigest() for image in dogs) == smallest


@pytest.mark.parametrize(
    ("names", "found"), [(["cats/1.png", "2.png"], "cats"), (["1.png"], "none")]
)
def test_fewer_than_two_classes_are_refused_with_what_was_found(names, found, tmp_path):
    message = refusal(folder_of(tmp_path, *names), by_class=True)
    assert str(tmp_path) in message
    assert f": {found}; " in message
    assert "at least two" in message


@pytest.mark.parametrize(
    ("splits", "one"),
    [(("train", "val"), "train"), (("Validation", "Training", "test"), "Training"),
     (("valid", "test"), "test")],
)  # fmt: skip
def test_splits_are_not_taken_for_classes(splits, one, tmp_path):
    for split in splits:
        two_classes(tmp_path / split)
    message = refusal(tmp_path, by_class=True)
    assert f"{tmp_path}: its sub-folders {', '.join(sorted(splits))} are splits" in message
    assert f"such as {tmp_path / one} if they lie there" in message
    assert load_faces(tmp_path / one, SIZE, by_class=True).train.classes == ("cats", "dogs")


def test_a_class_may_be_called_as_a_split_is_beside_others(tmp_path):
    two_classes(tmp_path)
    (tmp_path / "cats").rename(tmp_path / "train")
    assert load_faces(tmp_path, SIZE, by_class=True).train.classes == ("dogs", "train")


def test_a_class_of_one_image_is_named(tmp_path):
    save(drawn(0), two_classes(tmp_path, 1, 4) / "cats" / "copy.png")
    assert f"{tmp_path / 'cats'}: 1 image" in refusal(tmp_path, by_class=True)


# --------------------------------------------------------------------------------------- digest


@pytest.mark.parametrize("part", ["train", "val"])
def test_the_digest_of_a_split_is_what_sha256sum_prints_of_its_files(part, tmp_path):
    save(drawn(0), two_classes(tmp_path, 9, 12) / "cats" / "copy.png")
    faces = getattr(load_faces(tmp_path, SIZE, by_class=True, val_share=0.3), part)
    command = "LC_ALL=C sort | xargs sha256sum | sha256sum"
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, check=True, capture_output=True,
        input="\n".join(faces.names).encode(),
    )  # fmt: skip
    assert faces.digest == done.stdout.decode().split()[0]


def test_the_digest_tells_neither_the_folder_nor_the_crop(tmp_path):
    splits = load_faces(numbered(tmp_path / "a", 2), SIZE)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    again = load_faces(tmp_path / "b", 4, crop=(0.5,))
    assert {again.train.digest, again.val.digest} == {splits.train.digest, splits.val.digest}
    save(drawn(9), tmp_path / "b" / "0.png")
    changed = load_faces(tmp_path / "b", SIZE)
    assert {changed.train.digest, changed.val.digest} != {splits.train.digest, splits.val.digest}


# ------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize("by_class", [False, True])
def test_what_is_no_folder_is_named(by_class, tmp_path):
    (tmp_path / "faces.zip").touch()
    for name, found in (("absent", "no such folder"), ("faces.zip", "is a file")):
        message = refusal(tmp_path / name, by_class=by_class)
        assert f"{tmp_path / name}: {found}" in message
        assert "give a folder of images" in message


def test_a_folder_without_images_is_named(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "notes.txt").touch()
    message = refusal(tmp_path)
    assert f"{tmp_path}: no images" in message
    assert "give a folder of images" in message


def test_a_folder_of_one_image_is_refused_even_if_it_lies_there_twice(tmp_path):
    save(drawn(0), numbered(tmp_path, 1) / "copy.png")
    message = refusal(tmp_path)
    assert f"{tmp_path}: 1 image" in message
    assert "at least 2" in message


def damage(*paths):
    """Cut files off in their middle."""
    for path in paths:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_all_unreadable_files_are_listed_or_skipped(tmp_path):
    folder_of(tmp_path, "a/1.png", "a/2.png", "b/3.png", "b/4.png", "5.png")
    damage(tmp_path / "a" / "2.png", tmp_path / "b" / "3.png")
    (tmp_path / "6.jpg").write_text("<html>not found</html>")
    message = refusal(tmp_path)
    for name in ("a/2.png", "b/3.png", "6.jpg", "skip_unreadable=True"):
        assert name in message
    assert "a/1.png" not in message

    splits = load_faces(tmp_path, SIZE, skip_unreadable=True)
    assert sorted(both(splits)) == ["5.png", "a/1.png", "b/4.png"]
    assert [name for name, _ in splits.skipped] == ["6.jpg", "a/2.png", "b/3.png"]
    assert all(name in reason for name, reason in splits.skipped)


def test_a_folder_with_nothing_readable_is_refused_even_when_skipping(tmp_path):
    damage(*numbered(tmp_path, 3).iterdir())
    assert "none of its 3 images" in refusal(tmp_path, skip_unreadable=True)


def test_a_class_with_nothing_readable_is_named_when_skipping(tmp_path):
    damage(*(two_classes(tmp_path) / "dogs").iterdir())
    assert f"{tmp_path / 'dogs'}: 0 image" in refusal(tmp_path, by_class=True, skip_unreadable=True)


def test_only_what_is_resized_stays_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # each thread has an image in its hands
    for index in range(20):
        image = np.full((600, 600, 3), index, np.uint8)
        save(image, tmp_path / f"{index}.png")
    load_faces(tmp_path, SIZE)  # what is imported late
    tracemalloc.start()
    load_faces(tmp_path, SIZE, crop=(SIZE / 600,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * image.nbytes
