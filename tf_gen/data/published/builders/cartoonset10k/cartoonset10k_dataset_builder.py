"""Google's Cartoon Set of 10,000 faces, with alpha and, where they are there, attributes."""

import csv
from pathlib import PurePosixPath

import numpy as np
import tensorflow_datasets as tfds

from tf_gen.data.published.builders._source import instructions, note, obtained
from tf_gen.data.published.sets import CARTOON_FACES
from tf_gen.errors import UserError

ATTRIBUTES = (
    "chin_length", "eye_angle", "eye_color", "eye_eyebrow_distance", "eye_lashes", "eye_lid",
    "eye_slant", "eyebrow_shape", "eyebrow_thickness", "eyebrow_weight", "eyebrow_width",
    "face_color", "face_shape", "facial_hair", "glasses", "glasses_color", "hair", "hair_color",
)  # fmt: skip
UNKNOWN = -1  # the value of an attribute without its CSV file


class Builder(tfds.core.GeneratorBasedBuilder):
    """Cartoon faces, transparent around the face, and the variant of each of 18 attributes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = instructions(CARTOON_FACES)

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 4), encoding_format="png"),
                    "file_name": tfds.features.Text(),
                    "attributes": dict.fromkeys(ATTRIBUTES, np.int64),
                }
            ),
            homepage="https://google.github.io/cartoonset/",
            license="CC BY 4.0",
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager):
        source = obtained(CARTOON_FACES, dl_manager)
        note(self, CARTOON_FACES, {"": len(source.names)}, {})
        return {"train": self._generate_examples(source)}

    def _generate_examples(self, source):
        tables = [name for name in source.passed_over if name.lower().endswith(".csv")]
        attributes = {
            PurePosixPath(name).with_suffix(""): read_attributes(name, read())
            for name, read in source.items(tables)
        }
        unknown = dict.fromkeys(ATTRIBUTES, UNKNOWN)
        for name, read in source.items(source.names):
            known = attributes.get(PurePosixPath(name).with_suffix(""), {})
            yield name, {"image": read(), "file_name": name, "attributes": unknown | known}


def read_attributes(name: str, data: bytes) -> dict[str, int]:
    """{attribute: variant} of a CSV file with lines ``attribute, variant, number of variants``.

    Raises: UserError that names the file if it is none.
    """
    try:
        rows = list(csv.reader(data.decode().splitlines(), skipinitialspace=True))
        found = {row[0]: int(row[1]) for row in rows if row}
    except (ValueError, IndexError, csv.Error) as error:
        raise UserError(f"{name}: no table of attributes ({error}); mend or remove it") from error
    if other := found.keys() - set(ATTRIBUTES):
        raise UserError(f"{name}: unknown attributes {', '.join(sorted(other))}; mend or remove it")
    return found
