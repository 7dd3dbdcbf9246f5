"""Anime faces from the user's own download, without duplicates, split by content."""

import hashlib

import tensorflow_datasets as tfds

from tf_gen.data.cache import Cache
from tf_gen.data.published.builders._source import instructions, note, obtained
from tf_gen.data.published.sets import ANIME_FACES
from tf_gen.data.reading import decode, read_rows
from tf_gen.errors import UserError

VALIDATION_SHARE = 0.1


class Builder(tfds.core.GeneratorBasedBuilder):
    """Anime faces of varying sizes, in their original bytes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = instructions(ANIME_FACES)

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "file_name": tfds.features.Text(),
                }
            ),
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager):
        source = obtained(ANIME_FACES, dl_manager)
        if films := [name for name in source.names if name.lower().endswith(".gif")]:
            raise UserError(
                f"{source.path}: {films[0]}: TensorFlow reads a GIF as a film; make it a PNG"
            )
        note(self, ANIME_FACES, {"": len(source.names)}, {})
        kept = first_of_each(source)
        self.info.metadata["duplicates"] = len(source.names) - len(kept)
        splits = {"train": {}, "validation": {}}
        for name, content in kept.items():
            splits["validation" if validates(content) else "train"][name] = content
        return {split: self._generate_examples(source, of) for split, of in splits.items()}

    def _generate_examples(self, source, contents):
        for name, read in source.items(contents):
            yield contents[name], {"image": read(), "file_name": name}


def first_of_each(source) -> dict[str, str]:
    """{name: SHA-256 of its pixels}, without those whose pixels an earlier name has.

    Raises: UserError listing every file that cannot be read.
    """

    def to_row(name, data):
        pixels = decode(data, name)
        return 0, hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()

    rows = read_rows(source.items(source.names), source.names, to_row, (), Cache(), source.place,
                     skip_unreadable=False)  # fmt: skip
    first = {}
    for name, content in zip(rows.names, rows.notes, strict=True):
        first.setdefault(content, name)
    return {name: content for content, name in first.items()}


def validates(content: str) -> bool:
    """Whether an image with this SHA-256 is of the tenth that validates, whatever others are."""
    return int(content[:8], 16) < VALIDATION_SHARE * 2**32
