"""The maps of pix2pix, each pair in its original bytes."""

import hashlib
from pathlib import PurePosixPath

import numpy as np
import tensorflow_datasets as tfds

from tf_gen.data.published.builders._source import instructions, note, obtained
from tf_gen.data.published.sets import MAPS
from tf_gen.data.reading import digest

SPLITS = {"train": "train", "validation": "val"}  # TFDS' name -> the archive's folder


class Builder(tfds.core.GeneratorBasedBuilder):
    """Pairs of an aerial photograph (left half) and its street map (right half)."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = instructions(MAPS)

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "pair": tfds.features.Image(shape=(600, 1200, 3), encoding_format="jpeg"),
                    "number": np.int64,  # of the file: 1 for 1.jpg
                }
            ),
            homepage="https://phillipi.github.io/pix2pix/",
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager):
        source = obtained(MAPS, dl_manager)
        names = {
            folder: [name for name in source.names if name.startswith(f"{folder}/")]
            for folder in SPLITS.values()
        }
        digests = {
            folder: digest((n, hashlib.sha256(read()).hexdigest()) for n, read in source.items(of))
            for folder, of in names.items()
        }
        note(self, MAPS, {folder: len(of) for folder, of in names.items()}, digests)
        return {
            split: self._generate_examples(source, names[folder])
            for split, folder in SPLITS.items()
        }

    def _generate_examples(self, source, names):
        for name, read in source.items(names):
            number = int(PurePosixPath(name).stem)
            yield number, {"pair": read(), "number": number}
