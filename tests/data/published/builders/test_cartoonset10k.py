"""The Cartoon Set as a TFDS builder, by TFDS' own test case; alpha and attributes."""

import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from tf_gen.data.published.builders import Cartoonset10k
from tf_gen.data.published.builders.cartoonset10k.cartoonset10k_dataset_builder import (
    read_attributes,
)
from tf_gen.errors import UserError

DUMMY = Path(Cartoonset10k.code_path).parent / "dummy_data"


class TestCartoonset10k(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Cartoonset10k
    SPLITS = {"train": 3}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    builder = tfds.builder("cartoonset10k", data_dir=tmp_path_factory.mktemp("data"))
    config = tfds.download.DownloadConfig(manual_dir=DUMMY)
    builder.download_and_prepare(download_config=config)
    return {row["file_name"].decode(): row for row in tfds.as_numpy(builder.as_dataset("train"))}


def test_alpha_is_kept(rows):
    for name, row in rows.items():
        witness = np.asarray(Image.open(io.BytesIO((DUMMY / "cartoonset10k" / name).read_bytes())))
        np.testing.assert_array_equal(row["image"], witness)
        assert row["image"].shape == (500, 500, 4) and row["image"][0, 0, 3] == 0


def test_attributes_come_from_the_csv_file_or_are_unknown(rows):
    for name, row in rows.items():
        table = (DUMMY / "cartoonset10k" / name).with_suffix(".csv")
        assert len(row["attributes"]) == 18
        if not table.exists():
            assert set(row["attributes"].values()) == {-1}
            continue
        for line in table.read_text().splitlines():
            attribute, value, _ = line.split(",")
            assert row["attributes"][attribute.strip('"')] == int(value)
    assert {(DUMMY / "cartoonset10k" / n).with_suffix(".csv").exists() for n in rows} == {
        True,
        False,
    }


@pytest.mark.parametrize("text", ["hair\n", "hair,many,3\n", "wings,1,2\n", "\xff"])
def test_a_csv_file_that_is_none_is_named(text):
    with pytest.raises(UserError, match="cs1.csv"):
        read_attributes("cs1.csv", text.encode("latin-1"))
