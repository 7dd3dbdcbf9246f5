"""Encoded images, read within a graph: upright, and with the channels of the model."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image, ImageOps

from tf_gen.data.reading import resize
from tf_gen.export._decoding import orientation, read_image

SIZE = 16
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8).repeat(8, 0).repeat(8, 1)


def jpeg(turn, order="<", other_tags=()):
    """A photograph of 24 x 40 with that tag, in that byte order."""
    exif, stream = Image.Exif(), io.BytesIO()
    exif.endian = order
    exif.update({ExifTags.Base.Orientation: turn, **dict(other_tags)})
    Image.fromarray(PIXELS).save(stream, "JPEG", exif=exif.tobytes(), quality=95)
    return stream.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_a_jpeg_is_read_upright_as_pillow_shows_it(turn, order):
    data = jpeg(turn, order, [(ExifTags.Base.Make, "a camera"), (ExifTags.Base.Software, "b")])
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert upright.shape == ((24, 40, 3) if turn < 5 else (40, 24, 3))
    expected = resize(upright, SIZE, SIZE) / 255
    np.testing.assert_allclose(read_image(data, SIZE, 3), expected, atol=4 / 255)


def test_a_tag_behind_other_segments_is_found():
    data = jpeg(6)
    comment = b"\xff\xfe\x00\x0aExif\0\0II"  # what is no EXIF segment is none
    assert orientation(data[:2] + comment + data[2:]) == 6


WITHOUT = jpeg(6).replace(b"Exif\0\0", b"Exit\0\0")
II = jpeg(6).index(b"II*\0")


def changed(at, new):
    """The photograph with other bytes, counted from where its EXIF data proper begin."""
    data = jpeg(6)
    return data[: II + at] + new + data[II + at + len(new) :]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(WITHOUT, id="none"),
        pytest.param(changed(0, b"XX"), id="no byte order"),
        pytest.param(changed(2, b"\0\0"), id="no TIFF"),
        pytest.param(changed(4, b"\xff\xff\xff\xff"), id="an offset far behind the end"),
        pytest.param(changed(4, b"\0\0\0\0"), id="an offset to itself"),
        pytest.param(changed(8, b"\0\0"), id="no entries"),
        pytest.param(changed(12, b"\x02\0"), id="another type"),
        pytest.param(changed(18, b"\x09\0"), id="no such orientation"),
        pytest.param(changed(18, b"\0\0"), id="orientation 0"),
        pytest.param(jpeg(6)[: II + 9], id="cut off"),
        pytest.param(b"GIF89a", id="another format"),
    ],
)
def test_damaged_or_absent_exif_leaves_the_image_as_it_is(data):
    assert orientation(data) == 1
    assert orientation(jpeg(6)) == orientation(changed(8, b"\xff\xff")) == 6


COLOURS = np.array([[[200, 100, 0, 255], [200, 100, 0, 128]]], np.uint8).repeat(SIZE, 0)
COLOURS = COLOURS.repeat(SIZE // 2, 1)
WHITE = np.array([[200, 100, 0], [228, 178, 127]])  # composited
OTHERS = {
    ("RGB", 4): [[200, 100, 0, 255]] * 2,
    ("RGB", 2): [[118.5, 255]] * 2,  # grey by ITU-R 601-2
    ("RGB", 1): [[118.5]] * 2,
    ("RGBA", 4): [[200, 100, 0, 255], [200, 100, 0, 128]],
    ("RGBA", 3): WHITE,
    ("RGBA", 2): [[118.5, 255], [118.5, 128]],
    ("RGBA", 1): WHITE @ [[0.299], [0.587], [0.114]],
    ("LA", 4): [[200, 200, 200, 255], [200, 200, 200, 128]],
    ("LA", 2): [[200, 255], [200, 128]],
}


@pytest.mark.parametrize("mode, channels", OTHERS)
def test_alpha_is_kept_for_a_model_that_takes_it_and_else_composited_on_white(mode, channels):
    pixels = {"RGB": COLOURS[..., :3], "RGBA": COLOURS, "LA": COLOURS[..., ::3]}[mode]
    found = read_image(tf.io.encode_png(pixels), SIZE, channels)
    expected = np.array(OTHERS[mode, channels])[None].repeat(SIZE, 0).repeat(SIZE // 2, 1)
    np.testing.assert_allclose(found * 255, expected, atol=1)
