"""Small folders of real files for the scripts to run on."""

import numpy as np
import pytest
from PIL import Image

from tf_gen.data import draw_faces, draw_pairs


@pytest.fixture(scope="session")
def maps(tmp_path_factory):
    """A folder of side-by-side pairs: six to train on, three to validate."""
    folder = tmp_path_factory.mktemp("maps")
    for split, count, seed in (("train", 6, 0), ("val", 3, 1)):
        (folder / split).mkdir()
        for i, sides in enumerate(zip(*draw_pairs(count, seed, 48), strict=True)):
            Image.fromarray(np.concatenate(sides, axis=1)).save(folder / split / f"{i + 1}.png")
    return folder


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """A folder of two classes of faces, 24 of each."""
    folder = tmp_path_factory.mktemp("faces")
    for style in ("anime", "cartoon"):
        (folder / style).mkdir()
        for i, image in enumerate(draw_faces(24, 0, style, 24)):
            Image.fromarray(image).save(folder / style / f"{i}.png")
    return folder
