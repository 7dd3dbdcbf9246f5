"""The maps as a TFDS builder, by TFDS' own test case, and byte for byte."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from tf_gen.data.published.builders import Pix2PixMaps

DUMMY = Path(Pix2PixMaps.code_path).parent / "dummy_data"


class TestPix2PixMaps(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Pix2PixMaps
    SPLITS = {"train": 3, "validation": 2}


def prepared(tmp_path, manual_dir):
    builder = tfds.builder("pix2pix_maps", data_dir=tmp_path / "data")
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
    )
    return builder


@pytest.mark.parametrize("packed", [False, True])
def test_each_pair_keeps_its_bytes_and_its_number(packed, tmp_path):
    manual = DUMMY
    if packed:
        manual = tmp_path / "manual"
        manual.mkdir()
        with tarfile.open(manual / "maps.tar.gz", "w:gz") as archive:
            archive.add(DUMMY / "maps", "maps")
    builder = prepared(tmp_path, manual)
    undecoded = {"pair": tfds.decode.SkipDecoding()}
    for split, folder, count in (("train", "train", 3), ("validation", "val", 2)):
        rows = list(builder.as_dataset(split=split, decoders=undecoded))
        assert sorted(int(row["number"]) for row in rows) == list(range(1, count + 1))
        for row in rows:
            path = DUMMY / "maps" / folder / f"{int(row['number'])}.jpg"
            assert row["pair"].numpy() == path.read_bytes()


def test_a_set_that_differs_is_not_called_genuine(tmp_path):
    metadata = prepared(tmp_path, DUMMY).info.metadata
    assert metadata["genuine"] is False
    assert "train: 3, where the published set has 1,096" in metadata["compared"]
    again = tfds.builder("pix2pix_maps", data_dir=tmp_path / "data").info.metadata
    assert again["compared"] == metadata["compared"]


def test_plain_tf_data_code_can_split_a_pair(tmp_path):
    dataset = prepared(tmp_path, DUMMY).as_dataset(split="train").batch(2)
    pair = next(iter(dataset))["pair"]
    assert pair.shape == (2, 600, 1200, 3) and pair.dtype == np.uint8
