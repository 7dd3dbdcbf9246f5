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

from tf_gen.data.reading import (
    Unreadable,
    decode,
    digest,
    image_files,
    read_all,
    read_bytes,
    resize,
)

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


def damaged_files(count):
    """{name: bytes} of small files with flipped bits, or cut off, or both; always the same."""
    rng = np.random.default_rng(7)
    palette = palette_image()[0]
    sound = [
        encoded(RGB, "JPEG", exif=exif(6)),
        encoded(RGB, "PNG", exif=exif(6)),
        encoded(palette, "PNG", transparency=bytes(range(16))),
        encoded(palette, "GIF", save_all=True, append_images=[palette.rotate(180)]),
        encoded(RGB, "BMP"),
        encoded(np.dstack([RGB, ALPHA]), "WEBP"),
    ]
    files = {}
    for i in range(count):
        data = bytearray(sound[i % len(sound)])
        for place in rng.integers(0, min(len(data), 300), rng.integers(1, 5)):  # headers too
            data[place] ^= 1 << rng.integers(8)
        kept = len(data) if rng.random() < 0.6 else rng.integers(len(data))
        files[f"folder/{i}.jpg"] = bytes(data[:kept])
    return files


def test_a_damaged_file_is_either_decoded_or_refused_by_name():
    files = damaged_files(60)
    read, bad = read_all(files, lambda name: (decode(files[name], name),), skip_unreadable=True)
    assert len(read) + len(bad) == len(files)
    assert min(len(read), len(bad)) >= 5
    for (image,) in read:
        assert image.dtype == np.uint8
        assert image.ndim == 3 and image.shape[-1] == 3
    for name, reason in bad:
        assert name in reason


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


def names_in_order(folder, names):
    for name in names:
        (folder / name).touch()
    return [path.name for path in image_files(folder)]


def test_numbers_in_names_count_as_numbers(tmp_path):
    ordered = ["1.jpg", "2.jpg", "10.jpg", "10.png", "100.jpg"]
    assert names_in_order(tmp_path, sorted(ordered)) == ordered


def test_numbers_count_after_the_words_before_them(tmp_path):
    ordered = ["a2.jpg", "a10.jpg", "b1.jpg", "b1_2.jpg", "b1_10.jpg"]
    assert names_in_order(tmp_path, sorted(ordered)) == ordered


def test_files_that_are_no_images_are_passed_over(tmp_path):
    names = ["a.jpg", "b.JPEG", "c.png", "d.txt", "e", "f.csv", "g.WebP", "h.bmp", "i.gif"]
    images = ["a.jpg", "b.JPEG", "c.png", "g.WebP", "h.bmp", "i.gif"]
    assert names_in_order(tmp_path, names) == images


def read_odd(name):
    """Stands for a reader that finds every even number unreadable."""
    if int(name) % 2 == 0:
        raise Unreadable(f"file {name}.jpg: damaged")
    return name, int(name) ** 2


def test_results_come_in_the_order_of_the_names():
    def read_slowly(name):
        time.sleep(0.001 * (int(name) % 3))
        return (name,)

    names = [str(i) for i in range(40)]
    read, bad = read_all(names, read_slowly, skip_unreadable=False)
    assert [name for (name,) in read] == names
    assert bad == []


@pytest.mark.parametrize("count", [4, 60])
def test_one_error_lists_every_bad_file(count):
    with pytest.raises(Unreadable, match="--skip-unreadable") as caught:
        read_all([str(i) for i in range(count)], read_odd, skip_unreadable=False)
    for i in range(count):
        assert (f"file {i}.jpg" in str(caught.value)) == (i % 2 == 0)
    assert str(count // 2) in str(caught.value)


def test_bad_files_can_be_skipped_and_are_told():
    read, bad = read_all([str(i) for i in range(7)], read_odd, skip_unreadable=True)
    assert read == [("1", 1), ("3", 9), ("5", 25)]
    assert bad == [(str(i), f"file {i}.jpg: damaged") for i in (0, 2, 4, 6)]


def test_other_errors_are_not_hidden():
    def fail(name):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read_all(["1"], fail, skip_unreadable=True)


def test_reading_in_threads_leaves_the_warning_filters_alone():
    files = {str(i): encoded(RGB, "PNG") for i in range(200)}
    before = list(warnings.filters)
    for _ in range(50):
        read_all(files, lambda name: (decode(files[name], name),), skip_unreadable=False)
        assert warnings.filters == before


def test_bytes_are_read_whole_or_refused_by_name(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(b"\0\r\n\xff")
    assert read_bytes(path, "train/x.jpg") == b"\0\r\n\xff"
    for missing in (tmp_path, tmp_path / "y.jpg"):  # a folder; nothing
        with pytest.raises(Unreadable, match="train/y.jpg"):
            read_bytes(missing, "train/y.jpg")


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
