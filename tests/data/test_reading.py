"""Decoding, resizing, reading many files and their digest, each against a second witness."""

import hashlib
import io
import os
import struct
import subprocess
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_gen.data import reading
from tf_gen.data.cache import Cache
from tf_gen.data.reading import BAND, decode, digest, read_rows, resize
from tf_gen.data.sources import Unreadable

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (12, 20, 3), np.uint8)
GREY = RNG.integers(0, 256, (12, 20), np.uint8)
ALPHA = RNG.integers(0, 256, (12, 20), np.uint8)
SMOOTH = np.stack(np.broadcast_arrays(*np.ogrid[40:200:12j, 30:220:20j], 90), axis=-1)
SMOOTH = SMOOTH.astype(np.uint8)  # survives a lossy format within a few grey levels


def encoded(image, kind, **options) -> bytes:
    """The bytes of an array or a Pillow image in a format."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def on_white(colours, alpha):
    """Composited on white in floating point: colours [H, W, 3], alpha [H, W] of 0 ... 255."""
    share = alpha[..., None] / 255
    return colours * share + 255 * (1 - share)


def three(grey):
    """A grey image [H, W] as RGB [H, W, 3]."""
    return np.repeat(grey[..., None], 3, axis=-1)


def palette_image():
    """(a palette image of 16 colours, its colours uint8 [16, 3], its indices [12, 20])."""
    colours, indices = RGB.reshape(-1, 3)[:16], GREY % 16
    image = Image.fromarray(indices, "L").convert("L")
    image.putpalette(colours.tobytes())
    return image, colours, indices


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file, with its CRC."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, rows: bytes, *chunks: bytes) -> bytes:
    """A PNG file put together by hand; rows: with a filter byte each."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + body


def exif(orientation):
    """EXIF data with an orientation and a few more tags."""
    tags = Image.Exif()
    tags[0x0112], tags[0x010F], tags[0x011A] = orientation, "maker", 72.0
    return tags


def assert_pixels(data, expected, within=0.0):
    pixels = decode(data, "image")
    assert pixels.dtype == np.uint8
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(float) - expected).max() <= within


def assert_refused(data):
    """Unreadable, and the message names the file and shows no Python object."""
    with pytest.raises(Unreadable, match="folder/name.jpg") as caught:
        decode(data, "folder/name.jpg")
    assert "<" not in str(caught.value)


# ------------------------------------------------------------------------------------ decoding


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_rgb_comes_as_it_is(kind):
    assert_pixels(encoded(RGB, kind), RGB)


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_grey_becomes_three_equal_channels(kind):
    assert_pixels(encoded(GREY, kind), three(GREY))


def test_a_palette_is_looked_up():
    image, colours, indices = palette_image()
    assert_pixels(encoded(image, "PNG"), colours[indices])


def test_a_palette_with_transparency_is_composited_on_white():
    image, colours, indices = palette_image()
    alpha = np.arange(0, 256, 17, dtype=np.uint8)  # of each colour
    data = encoded(image, "PNG", transparency=alpha.tobytes())
    assert_pixels(data, on_white(colours[indices], alpha[indices]), within=1)


def test_a_palette_with_one_transparent_colour_shows_white_there():
    image, colours, indices = palette_image()
    data = encoded(image, "PNG", transparency=3)
    assert_pixels(data, np.where((indices == 3)[..., None], 255, colours[indices]))


def test_rgba_is_composited_on_white():
    data = encoded(np.dstack([RGB, ALPHA]), "PNG")
    assert_pixels(data, on_white(RGB, ALPHA), within=1)


def test_grey_with_alpha_is_composited_on_white():
    data = encoded(Image.fromarray(np.dstack([GREY, ALPHA])), "PNG")
    assert Image.open(io.BytesIO(data)).mode == "LA"
    assert_pixels(data, on_white(three(GREY), ALPHA), within=1)


def test_fully_transparent_pixels_are_white_whatever_their_colour():
    assert_pixels(encoded(np.dstack([RGB, 0 * ALPHA]), "PNG"), np.full_like(RGB, 255))


def test_a_transparent_grey_level_shows_white_there():
    grey = GREY // 64
    data = encoded(grey, "PNG", transparency=2)
    assert_pixels(data, three(np.where(grey == 2, 255, grey)))


@pytest.mark.parametrize("data", [encoded(SMOOTH, "JPEG"), encoded(GREY, "JPEG")])
def test_jpeg_is_decoded_as_tensorflow_does(data):
    witness = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE").numpy()
    assert_pixels(data, witness.astype(float), within=3)


def test_a_cmyk_jpeg_shows_its_colours():
    data = encoded(Image.fromarray(255 - SMOOTH).convert("CMYK"), "JPEG", quality=95)
    assert Image.open(io.BytesIO(data)).mode == "CMYK"
    assert_pixels(data, (255 - SMOOTH).astype(float), within=8)
    witness = tf.io.decode_jpeg(data, channels=3).numpy().astype(int)
    assert np.abs(decode(data, "image") - witness).mean() < 2


def test_sixteen_bit_grey_keeps_its_high_byte():
    levels = RNG.integers(0, 65536, (12, 20), np.uint16)
    levels[0, :3] = 0, 255, 65535
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    expected = three((levels // 256).astype(np.uint8))
    assert_pixels(png(20, 12, 16, 0, rows), expected)
    assert_pixels(encoded(levels, "PNG"), expected)


def test_sixteen_bit_rgb_keeps_its_high_bytes():
    levels = RNG.integers(0, 65536, (12, 20, 3), np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    assert_pixels(png(20, 12, 16, 2, rows), levels // 256)


def test_one_bit_is_black_and_white():
    bits = GREY > 127
    assert_pixels(encoded(Image.fromarray(bits), "PNG"), three(bits * np.uint8(255)))
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in bits)
    assert_pixels(png(20, 12, 1, 0, rows), three(bits * np.uint8(255)))


def test_of_an_animation_the_first_frame_is_taken():
    image, colours, indices = palette_image()
    second = Image.fromarray(255 - colours[indices])
    data = encoded(image, "GIF", save_all=True, append_images=[second], duration=40)
    assert Image.open(io.BytesIO(data)).n_frames == 2
    assert_pixels(data, colours[indices])
    assert_pixels(data, tf.io.decode_gif(data)[0].numpy())


def test_a_transparent_gif_is_composited_on_white():
    image, colours, indices = palette_image()
    data = encoded(image, "GIF", transparency=5)
    assert_pixels(data, np.where((indices == 5)[..., None], 255, colours[indices]))


def test_lossless_webp_comes_as_it_is():
    assert_pixels(encoded(RGB, "WEBP", lossless=True), RGB)


def test_webp_with_alpha_is_composited_on_white():
    data = encoded(np.dstack([RGB, ALPHA]), "WEBP", lossless=True, exact=True)
    assert_pixels(data, on_white(RGB, ALPHA), within=1)


UPRIGHT = {
    1: RGB,
    2: RGB[:, ::-1],
    3: RGB[::-1, ::-1],
    4: RGB[::-1],
    5: RGB.swapaxes(0, 1),
    6: np.rot90(RGB, -1),  # the camera lay on its left: turn clockwise
    7: RGB[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90(RGB),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_honoured(orientation):
    assert_pixels(encoded(RGB, "PNG", exif=exif(orientation)), UPRIGHT[orientation])


def test_exif_orientation_of_a_jpeg_is_honoured():
    data = encoded(SMOOTH, "JPEG", quality=95, subsampling=0, exif=exif(6))
    assert_pixels(data, np.rot90(SMOOTH, -1).astype(float), within=6)


def test_a_sound_image_with_damaged_metadata_is_read():
    """Tag 0x011A (a resolution) says that it is text: of no concern to the pixels."""
    data = encoded(SMOOTH, "JPEG", quality=95, subsampling=0, exif=exif(3))
    start = data.index(b"Exif\0\0") + 6
    order = "<" if data[start : start + 2] == b"II" else ">"
    tag = data.index(struct.pack(order + "HH", 0x011A, 5), start)
    damaged = data[: tag + 2] + struct.pack(order + "H", 2) + data[tag + 4 :]
    assert_pixels(damaged, SMOOTH[::-1, ::-1].astype(float), within=6)


# ------------------------------------------------------------------------ a part of the pixels


def smooth(width, height):
    """A large image without noise: uint8 [height, width, 3]."""
    coarse = Image.fromarray(RNG.integers(0, 256, (5, 7, 3), np.uint8))
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))


def drafted(data, width, height):
    """Decoded by Pillow alone at a size."""
    image = Image.open(io.BytesIO(data))
    image.draft(None, (width, height))
    return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize(
    ("enough", "part"),
    [
        ((572, 286), 2),
        ((600, 300), 2),
        ((601, 300), 1),
        ((600, 301), 1),
        ((512, 256), 2),
        ((300, 150), 4),
        ((256, 256), 2),
        ((301, 1), 2),
        ((1200, 600), 1),
        ((5000, 5000), 1),
    ],
)
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_of_a_jpeg_no_more_is_decoded_than_is_enough(enough, part, options):
    data = encoded(smooth(1200, 600), "JPEG", **options)
    pixels = decode(data, "image", enough)
    assert pixels.shape == (600 // part, 1200 // part, 3)
    np.testing.assert_array_equal(pixels, drafted(data, 1200 // part, 600 // part))


def test_an_eighth_is_the_least_that_is_decoded():
    data = encoded(smooth(1280, 640), "JPEG")
    assert decode(data, "image", (1, 1)).shape == (80, 160, 3)
    np.testing.assert_array_equal(decode(data, "image", (160, 80)), drafted(data, 160, 80))


def test_a_jpeg_decoded_in_part_shows_what_it_shows_in_full():
    image = smooth(1200, 600)
    pixels = decode(encoded(image, "JPEG", quality=95), "image", (600, 300))
    witness = image.reshape(300, 2, 600, 2, 3).mean(axis=(1, 3))
    assert np.abs(pixels - witness).max() <= 6


@pytest.mark.parametrize("seed", range(40))
def test_never_less_is_decoded_than_was_asked_for_and_halves_stay_apart(seed):
    rng = np.random.default_rng(seed)
    width, height = (int(side) for side in 8 * rng.integers(2, 50, 2) + rng.integers(0, 2) * 4)
    enough = tuple(int(n) for n in (rng.integers(1, width + 1), rng.integers(1, height + 1)))
    turn = int(rng.integers(1, 9)) if rng.random() < 0.3 else 1
    data = encoded(smooth(width, height), "JPEG", exif=exif(turn))
    rows, columns, _ = decode(data, "image", enough).shape
    full_rows, full_columns, _ = decode(data, "image").shape
    part = full_rows // rows
    assert part in (1, 2, 4, 8)
    assert (rows * part, columns * part) == (full_rows, full_columns)
    assert part == 1 or columns % 2 == 0
    assert part == 1 or (columns >= enough[0] and rows >= enough[1])


@pytest.mark.parametrize("turn", range(2, 9))
def test_what_is_turned_is_decoded_in_full(turn):
    data = encoded(smooth(480, 240), "JPEG", exif=exif(turn))
    full = decode(data, "image")
    np.testing.assert_array_equal(decode(data, "image", (200, 100)), full)
    assert full.shape == ((240, 480, 3) if turn < 5 else (480, 240, 3))


@pytest.mark.parametrize("size", [(1201, 600), (1202, 600), (1200, 601), (1199, 599), (1198, 600)])
def test_what_does_not_divide_is_decoded_in_full(size):
    data = encoded(smooth(*size), "JPEG")
    pixels = decode(data, "image", (100, 300))
    np.testing.assert_array_equal(pixels, decode(data, "image"))
    assert pixels.shape == (*size[::-1], 3)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "WEBP"])
def test_other_formats_are_decoded_in_full(kind):
    data = encoded(smooth(400, 200), kind)
    np.testing.assert_array_equal(decode(data, "image", (10, 10)), decode(data, "image"))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("enough", [(600, 300), (300, 150)])
def test_the_halves_of_a_pair_do_not_bleed_into_each_other(enough, subsampling):
    pair = np.zeros((600, 1200, 3), np.uint8)
    pair[:, 600:] = 255
    data = encoded(pair, "JPEG", subsampling=subsampling)

    def bled(pixels):
        left, right = np.split(pixels, 2, axis=1)
        return max(left.max(), 255 - right.min())

    pixels = decode(data, "image", enough)
    assert pixels.shape[1] == enough[0]
    assert bled(pixels) <= bled(decode(data, "image")) + 1


# ------------------------------------------------------------------------------ in bands, as one


def tall(mode, rows=300):
    """An image of ``mode``, of many bands: the band's size is set by ``many_bands``."""
    pixels = RNG.integers(0, 256, (rows, 20, 4), np.uint8)
    if mode == "P":
        image = Image.fromarray(pixels[..., 0])
        image.putpalette(RNG.bytes(768))
        return image
    if mode in ("RGB", "RGBA", "LA", "L"):
        return Image.fromarray(pixels[..., : len(mode)].squeeze())
    if mode == "I;16":
        return Image.fromarray(pixels[..., :2].copy().view(np.uint16)[..., 0])
    return Image.fromarray(pixels[..., :3]).convert(mode)


@pytest.fixture
def many_bands(monkeypatch):
    """(data) -> (decoded in bands of 7 rows, decoded at once)."""

    def decoded(data):
        at_once = decode(data, "image")
        monkeypatch.setattr(reading, "BAND", 7 * 20 + 3)
        return decode(data, "image"), at_once

    return decoded


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGBA", "PNG", {}),
        ("LA", "PNG", {}),
        ("P", "PNG", {"transparency": bytes(range(256))}),
        ("P", "PNG", {"transparency": 3}),
        ("P", "GIF", {"transparency": 5}),
        ("RGB", "PNG", {"transparency": (1, 2, 3)}),
        ("L", "PNG", {"transparency": 7}),
        ("RGBA", "WEBP", {"lossless": True, "exact": True}),
        ("1", "PNG", {}),
        ("I;16", "PNG", {}),
        ("CMYK", "JPEG", {}),
        ("RGB", "BMP", {}),
        ("RGBA", "PNG", {"exif": exif(6)}),
    ],
)
@pytest.mark.parametrize("rows", [7, 8, 300])
def test_bands_give_the_same_as_the_whole_at_once(mode, kind, options, rows, many_bands):
    image = tall(mode, rows)
    in_bands, at_once = many_bands(encoded(image, kind, **options))
    np.testing.assert_array_equal(in_bands, at_once)
    assert in_bands.shape == ((20, rows, 3) if "exif" in options else (rows, 20, 3))


def test_transparency_is_composited_on_white_in_each_band(many_bands):
    image = tall("RGBA")
    in_bands, _ = many_bands(encoded(image, "PNG"))
    pixels = np.asarray(image)
    assert np.abs(in_bands - on_white(pixels[..., :3], pixels[..., 3])).max() <= 1


def test_an_image_larger_than_a_band_is_composited_on_white():
    alpha = np.tile(np.arange(256, dtype=np.uint8), (BAND // 256 + 999, 1))
    assert alpha.size > BAND
    grey = Image.fromarray(np.dstack([np.full_like(alpha, 60), alpha]))
    assert_pixels(encoded(grey, "PNG"), on_white(np.full((*alpha.shape, 3), 60), alpha), within=1)


# ------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(kind, kept):
    data = encoded(RNG.integers(0, 256, (40, 50, 3), np.uint8), kind)
    assert_refused(data[: int(kept * len(data))])


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"not an image, whatever its name says\n" * 20, b"<svg></svg>", b"\xff\xd8"],
    ids=["empty", "one byte", "text", "svg", "two bytes of JPEG"],
)
def test_a_file_that_is_no_image_is_refused(data):
    assert_refused(data)


def test_an_image_of_another_format_is_refused():
    assert_refused(encoded(RGB, "TIFF"))


@pytest.mark.parametrize("side", [10_001, 13_000, 60_000, 2**31 - 1])
def test_a_small_file_that_claims_a_huge_image_is_refused_at_once(side):
    data = png(side, side, 8, 2, b"\0" * 1000)
    assert len(data) < 200
    start = time.perf_counter()
    assert_refused(data)
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize("side", [9_001, 60_000])  # Pillow's own limit lies between
def test_what_is_said_of_a_huge_image_is_our_limit(side):
    with pytest.raises(Unreadable, match="more than the 80,000,000 (pixels )?that are read"):
        decode(png(side, side, 8, 2, b""), "image")


# --------------------------------------------------------------------------------------- resize


def box_weights(large, small):
    """[small, large]: the share of each of the large pixels in each of the small ones."""
    edges = np.arange(small + 1) * large / small
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(large)
    overlap = np.minimum(high, pixel + 1) - np.maximum(low, pixel)
    return np.clip(overlap, 0, None) * small / large


def tent_weights(small, large):
    """[large, small]: bilinear interpolation between pixel centres, the edge repeated."""
    centre = np.clip((np.arange(large) + 0.5) * small / large - 0.5, 0, small - 1)
    return np.clip(1 - np.abs(centre[:, None] - np.arange(small)), 0, None)


def assert_resized(image, height, width, weights):
    """As weights(large, small) have it, but for the rounding to whole grey levels."""
    resized = resize(image, height, width)
    assert resized.dtype == np.uint8
    rows, columns = weights(image.shape[0], height), weights(image.shape[1], width)
    witness = np.einsum("ih,jw,hwc->ijc", rows, columns, image)
    assert np.abs(resized - witness).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("size", [(6, 10), (5, 7), (11, 3), (12, 9), (1, 1)])
def test_shrinking_averages_areas(size):
    assert_resized(RGB, *size, box_weights)


@pytest.mark.parametrize("size", [(24, 40), (17, 31), (12, 21)])
def test_growing_interpolates(size):
    assert_resized(RGB, *size, tent_weights)


def test_shrinking_one_side_and_growing_the_other_keeps_a_flat_colour():
    flat = np.full((12, 20, 3), (10, 128, 255), np.uint8)
    np.testing.assert_array_equal(resize(flat, 30, 7), np.broadcast_to(flat[0, 0], (30, 7, 3)))


def test_an_equal_size_returns_the_same_pixels():
    np.testing.assert_array_equal(resize(RGB, 12, 20), RGB)


# ---------------------------------------------------------------------------------- many files


def items_of(names, read=lambda name: name, order=None):
    """(name, what reads it) of each name, as a source yields them."""
    return [(name, lambda name=name: read(name)) for name in (order or names)]


def to_row(name, number):
    """Two bytes of a number, and a note."""
    return np.frombuffer(int(number).to_bytes(2, "big"), np.uint8), f"note of {name}"


def to_odd_row(name, number):
    """Stands for a reader that finds every even number unreadable."""
    if int(number) % 2 == 0:
        raise Unreadable(f"file {name}.jpg: damaged")
    return to_row(name, number)


@pytest.fixture(params=[1, 0], ids=["memory", "file"])
def rows_of(request, tmp_path):
    """``read_rows`` of names that are numbers, into memory or a file."""

    def rows(names, to_row=to_row, skip_unreadable=False, **options):
        items = items_of(names, **options)
        cache = Cache(request.param)
        rows = read_rows(items, names, to_row, (2,), cache, tmp_path, skip_unreadable)
        assert not rows.names or isinstance(rows.images, np.memmap) == (request.param == 0)
        return rows

    return rows


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 200])
def test_rows_come_in_the_order_of_the_names_whatever_that_of_the_items(count, rows_of):
    def read_slowly(name):
        time.sleep(0.001 * (int(name) % 3))
        return name

    names = [str(i) for i in RNG.permutation(1000)[:count]]
    rows = rows_of(names, read=read_slowly, order=sorted(names))
    assert rows.names == tuple(names)
    assert rows.images.dtype == np.uint8
    assert [int(high) * 256 + int(low) for high, low in rows.images] == [int(n) for n in names]
    assert rows.notes == [f"note of {name}" for name in names]
    assert rows.skipped == ()


@pytest.mark.parametrize("count", [4, 60, 200])
def test_one_error_lists_every_bad_file(count, rows_of):
    names = [str(i) for i in range(count)]
    with pytest.raises(Unreadable, match="named, or pass skip_unreadable=True$") as caught:
        rows_of(names, to_odd_row, order=names[::-1])
    message = str(caught.value)
    assert message.startswith(f"{count // 2} unreadable: file 0.jpg: damaged; file 2.jpg: damaged")
    for i in range(count):
        assert (f"file {i}.jpg" in message) == (i % 2 == 0)
    assert "\n" not in message


def test_a_source_that_cannot_read_is_told_as_one_that_cannot_decode(rows_of):
    def read(name):
        if name == "3":
            raise Unreadable("3: no such file")
        return name

    rows = rows_of([*"12345"], to_odd_row, skip_unreadable=True, read=read)
    assert rows.names == ("1", "5")
    assert dict(rows.skipped)["3"] == "3: no such file"


@pytest.mark.parametrize("count", [7, 150])
def test_bad_files_can_be_skipped_and_are_told(count, rows_of):
    names = [str(i) for i in range(count)]
    rows = rows_of(names, to_odd_row, skip_unreadable=True, order=names[::-1])
    assert rows.names == tuple(names[1::2])
    np.testing.assert_array_equal(rows.images, [[0, i] for i in range(1, count, 2)])
    assert rows.notes == [f"note of {name}" for name in rows.names]
    assert rows.skipped == tuple((name, f"file {name}.jpg: damaged") for name in names[::2])


def test_of_bad_files_alone_nothing_is_left(rows_of):
    rows = rows_of(["2", "4"], to_odd_row, skip_unreadable=True)
    assert rows.images.shape == (0, 2)
    assert (rows.names, rows.notes, len(rows.skipped)) == ((), [], 2)


@pytest.mark.parametrize("where", ["read", "to_row", "items"])
def test_other_errors_are_not_hidden(where, tmp_path):
    def fail(*args):
        raise ZeroDivisionError

    def failing_items():
        yield "1", lambda: "1"
        fail()

    read, row = (fail if where == "read" else str), (fail if where == "to_row" else to_row)
    items = failing_items() if where == "items" else items_of([*"123"], read)
    with pytest.raises(ZeroDivisionError):
        read_rows(items, [*"123"], row, (2,), Cache(1), tmp_path, skip_unreadable=True)


def test_items_are_asked_for_as_they_are_read(tmp_path):
    """Of an archive each has its bytes in memory."""
    out, most = 0, 0

    def items():
        nonlocal out, most
        for i in range(500):
            out, most = out + 1, max(most, out + 1)
            yield str(i), lambda i=i: i

    def count(name, number):
        nonlocal out
        out -= 1  # in one thread
        return to_row(name, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.cpu_count", lambda: 1)
        names = [str(i) for i in range(500)]
        read_rows(items(), names, count, (2,), Cache(1), tmp_path, skip_unreadable=False)
    assert out == 0 and most <= reading.READ_AHEAD


def test_reading_in_threads_leaves_the_warning_filters_alone(tmp_path):
    files = {str(i): encoded(RGB, "PNG") for i in range(200)}
    before = list(warnings.filters)
    for _ in range(50):
        rows = read_rows(
            items_of(files, files.get), files, lambda name, data: (decode(data, name), None),
            RGB.shape, Cache(1), tmp_path, skip_unreadable=False,
        )  # fmt: skip
        assert warnings.filters == before
    np.testing.assert_array_equal(rows.images, [RGB] * 200)


# --------------------------------------------------------------------------------------- digest


def test_the_digest_is_what_sha256sum_prints(tmp_path):
    names = ["train/10.jpg", "train/2.jpg", "train/B.jpg", "train/a b.jpg", "train/é.jpg"]
    names += ["trainB/1.jpg", "val/1.jpg"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(RNG.bytes(100))
    command = "find . -type f -printf '%P\\0' | sort -z | xargs -0 sha256sum | sha256sum"
    environment = os.environ | {"LC_ALL": "C"}
    printed = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment, check=True, capture_output=True
    ).stdout
    files = [(n, hashlib.sha256(Path(tmp_path, n).read_bytes()).hexdigest()) for n in names]
    assert digest(files) == printed.decode().split()[0]
    assert digest(reversed(files)) == digest(files)


def test_the_digest_depends_on_names_and_contents():
    digests = {digest([(name, sha * 64)]) for name in ("1.jpg", "2.jpg") for sha in "ab"}
    assert len(digests) == 4
