"""Anime faces as a TFDS builder, by TFDS' own test case; duplicates, splits, both layouts."""

import hashlib
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from tf_gen.data.drawn.faces import draw_faces
from tf_gen.data.published.builders import AnimeFaces
from tf_gen.errors import UserError

DUMMY = Path(AnimeFaces.code_path).parent / "dummy_data"
IMAGES = DUMMY / "animefacedataset" / "images"


class TestAnimeFaces(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = AnimeFaces
    SPLITS = {"train": 13, "validation": 1}


def prepared(tmp_path, manual_dir):
    builder = tfds.builder("anime_faces", data_dir=tmp_path / "data")
    config = tfds.download.DownloadConfig(manual_dir=manual_dir)
    builder.download_and_prepare(download_config=config)
    rows = {}
    for split in ("train", "validation"):
        dataset = builder.as_dataset(split, decoders={"image": tfds.decode.SkipDecoding()})
        rows[split] = {r["file_name"].decode(): r["image"] for r in tfds.as_numpy(dataset)}
    return builder, rows


def test_duplicates_are_dropped_and_the_bytes_kept(tmp_path):
    builder, rows = prepared(tmp_path, DUMMY)
    kept = rows["train"] | rows["validation"]
    assert builder.info.metadata["duplicates"] == 2
    assert len(kept) == len({*kept.values()}) == 14
    for name, data in kept.items():
        assert data == (DUMMY / "animefacedataset" / name).read_bytes()


def in_zip(tmp_path, prefix, suffix):
    """``animefacedataset.zip`` or ``anime-faces.zip``, as Kaggle lays them out."""
    tmp_path.mkdir()
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        for path in IMAGES.iterdir():
            archive.write(path, f"{prefix}/{path.stem}{suffix}")
    return tmp_path


@pytest.mark.parametrize("layout", [("images", ".jpg"), ("data", ".jpg")])
def test_the_split_is_the_same_from_either_layout_and_under_other_names(layout, tmp_path):
    _, rows = prepared(tmp_path / "packed", in_zip(tmp_path / "manual", *layout))
    _, unpacked = prepared(tmp_path / "unpacked", DUMMY)
    for split in rows:
        contents, witness = ({*some[split].values()} for some in (rows, unpacked))
        assert contents == witness


def test_an_image_more_moves_no_other(tmp_path):
    manual = tmp_path / "manual"
    shutil.copytree(DUMMY, manual)
    _, before = prepared(tmp_path / "before", manual)
    for i, face in enumerate(draw_faces(30, 5, "anime", 20)):
        Image.fromarray(face).save(manual / "animefacedataset" / "images" / f"more {i}.png")
    _, after = prepared(tmp_path / "after", manual)
    for split in before:
        assert {*before[split].values()} <= {*after[split].values()}
    assert 1 < len(after["validation"]) < 12


def test_a_missing_set_is_told_with_the_way_to_get_it(tmp_path):
    with pytest.raises(ValueError, match="kaggle.com/datasets/splcher") as caught:
        prepared(tmp_path, None)
    assert "animefacedataset.zip" in str(caught.value)


def test_the_validating_tenth_goes_by_the_pixels_hash(tmp_path):
    _, rows = prepared(tmp_path, DUMMY)
    for split, images in rows.items():
        for name in images:
            pixels = np.asarray(Image.open(DUMMY / "animefacedataset" / name))
            content = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
            assert (int(content[:8], 16) / 2**32 < 0.1) == (split == "validation")


def test_a_gif_is_refused_since_tensorflow_reads_it_as_a_film(tmp_path):
    folder = tmp_path / "manual" / "animefacedataset"
    shutil.copytree(IMAGES, folder / "images")
    Image.new("RGB", (9, 9)).save(folder / "images" / "x.gif")
    with pytest.raises(UserError, match="images/x.gif: TensorFlow reads a GIF as a film"):
        prepared(tmp_path, tmp_path / "manual")
