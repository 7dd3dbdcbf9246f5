"""A folder of damaged files, all drawn here: each is read or named, in bounded memory and time."""

import io
import json
import math
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import tf_gen
from tf_gen.data.reading import MAX_PIXELS, decode

HEIGHT, WIDTH = 20, 32
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
GREY = RNG.integers(0, 256, (HEIGHT, WIDTH), np.uint8)
ALPHA = RNG.integers(0, 256, (HEIGHT, WIDTH), np.uint8)
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))  # fmt: skip  # of an interlaced PNG: x, y of the first pixel and the steps
GIB = 2**20  # in KiB
SIDE = math.isqrt(MAX_PIXELS)
WIDE, HIGH = SIDE // 2 * 2 - 100, SIDE  # of the largest image that is read, but for a little
LOADERS = ("faces", "pairs", "drafts of pairs")

READ_ALL = """
import json, sys, time, warnings
from tf_gen.data import faces, pairs, reading
from tf_gen.data.cache import Cache
from tf_gen.errors import UserError

warnings.simplefilter("error")
slowest = (0.0, "")

def decode(data, name, *options):
    global slowest
    start = time.perf_counter()
    try:
        return reading.decode(data, name, *options)
    finally:
        slowest = max(slowest, (time.perf_counter() - start, name))

def refusal(load, *args, **options):
    try:
        load(*args, **options)
    except UserError as error:
        return str(error)

def read(key, skip):
    options = {"skip_unreadable": skip, "cache": Cache(1)}
    if key == "faces":
        found = faces.load_faces(folder, 16, **options)
        names = [*found.train.names, *found.val.names, *(name for name, _ in found.duplicates)]
        return names, found.skipped
    if key == "pairs of any shape":
        pairs.NARROWEST = 0.0
    found = pairs.load_pairs(folder, "train", 16, in_full=key != "drafts of pairs", **options)
    return found.names, found.skipped

faces.decode = pairs.decode = decode
folder, told = sys.argv[1], {}
for key in sys.argv[2:]:
    told[key] = dict(zip(("read", "skipped"), read(key, skip=True)))
    if told[key]["skipped"] and key != "drafts of pairs":
        try:
            read(key, skip=False)
        except UserError as error:
            told[key]["refusal"] = str(error)
with open("/proc/self/status") as status:  # not ru_maxrss: that starts at what the parent has
    told["peak"] = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(json.dumps(told | {"slowest": slowest}))
"""


def encoded(image, kind, **options) -> bytes:
    """The bytes of an array or a Pillow image in a format."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = orientation, "maker"
    return tags


def palette():
    """A palette image of 16 colours."""
    image = Image.fromarray(GREY % 16)
    image.putpalette(RGB.reshape(-1, 3)[:16].tobytes())
    return image


# -------------------------------------------------------------------------- formats put together


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file, with its CRC."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width, height, depth, colour, rows, *chunks, interlaced=0) -> bytes:
    """A PNG file; rows: bytes with a filter byte each, or an iterable of them."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    packer = zlib.compressobj(1)
    body = b"".join(map(packer.compress, [rows] if isinstance(rows, bytes) else rows))
    parts = (chunk(b"IHDR", header), *chunks, chunk(b"IDAT", body + packer.flush()))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def raw_rows(image):
    return b"".join(b"\0" + row.tobytes() for row in image)


def interlaced_png():
    passes = (RGB[y::down, x::right] for x, y, right, down in ADAM7)
    return png(WIDTH, HEIGHT, 8, 2, b"".join(map(raw_rows, passes)), interlaced=1)


def bmp_of_runs():
    """A BMP in RLE8: of each row its runs, each of one pixel."""
    runs = b"".join(
        b"".join(bytes([1, level]) for level in row % 16) + b"\0\0" for row in GREY[::-1]
    )
    colours = b"".join(bytes([*colour[::-1], 0]) for colour in RGB.reshape(-1, 3)[:16])
    at = 14 + 40 + len(colours)
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(runs) + 2, 0, 0, 16, 0)
    head = b"BM" + struct.pack("<IHHI", at + len(runs) + 2, 0, 0, at)
    return head + info + colours + runs + b"\0\1"


def sound_files() -> dict[str, bytes]:
    """{name: bytes}: one of each kind, all readable."""
    smooth = Image.fromarray(RGB[:4, :4]).resize((WIDTH, HEIGHT))
    rgba = np.dstack([RGB, ALPHA])
    text = {"pnginfo": _texts(b"of no concern")}
    return {
        "baseline.jpg": encoded(smooth, "JPEG"),
        "progressive.jpg": encoded(smooth, "JPEG", progressive=True, subsampling=0),
        "grey.jpeg": encoded(GREY, "JPEG"),
        "cmyk.jpg": encoded(smooth.convert("CMYK"), "JPEG"),
        "turned.jpg": encoded(smooth.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif(6)),
        "rgb.png": encoded(RGB, "PNG", exif=exif(3), **text),
        "rgba.png": encoded(rgba, "PNG"),
        "palette.png": encoded(palette(), "PNG", transparency=bytes(range(16))),
        "sixteen.png": png(WIDTH, HEIGHT, 16, 0, raw_rows(np.stack([GREY, ALPHA], -1))),
        "interlaced.png": interlaced_png(),
        "rgb.bmp": encoded(RGB, "BMP"),
        "palette.bmp": encoded(palette(), "BMP"),
        "runs.bmp": bmp_of_runs(),
        "animated.gif": encoded(
            palette(), "GIF", save_all=True, append_images=[palette().rotate(180)], transparency=3
        ),
        "lossy.webp": encoded(smooth, "WEBP"),
        "lossless.webp": encoded(RGB, "WEBP", lossless=True),
        "alpha.webp": encoded(rgba, "WEBP", exif=exif(3)),
    }


def _texts(text):
    info = PngInfo()
    info.add_text("plain", text)
    info.add_itxt("international", text.decode(), zip=True)
    return info


# ---------------------------------------------------------------------------------- the damage


def cut(data, rng):
    return data[: rng.integers(1, len(data))]


def flipped(data, rng, upto):
    """With one to four bits of the first bytes flipped."""
    data = bytearray(data)
    for place in rng.integers(0, min(upto, len(data)), rng.integers(1, 5)):
        data[place] ^= 1 << rng.integers(8)
    return bytes(data)


def overwritten(data, rng):
    """With a stretch of it drawn at random."""
    start = rng.integers(len(data))
    return data[:start] + rng.bytes(rng.integers(1, 40)) + data[start + 40 :]


def damaged_files(rounds=10) -> dict[str, bytes]:
    """{name: bytes}, four of each kind and round; always the same."""
    rng = np.random.default_rng(7)
    files = {}
    for kind, data in sound_files().items():
        for place in range(rounds):
            for how, result in {
                "cut": cut(data, rng),
                "header": flipped(data, rng, 64),
                "body": flipped(data, rng, len(data)),
                "over": overwritten(data, rng),
            }.items():
                files[f"{how} {place} {kind}"] = result
    return files


def wrong_files() -> dict[str, bytes]:
    """Files that are not what their names say; ``right`` in the name: readable all the same."""
    sound = sound_files()
    html = b"<!doctype html>\n<html><title>404</title>not found</html>\n"
    names = {
        "right png.jpg": sound["rgb.png"],
        "right jpeg.webp": sound["baseline.jpg"],
        "right gif.bmp": sound["animated.gif"],
        "text.png": b"not an image, whatever its name says\n" * 20,
        "html.jpg": html,
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>",
        "tiff.jpg": encoded(RGB, "TIFF"),
        "ppm.bmp": encoded(RGB, "PPM"),
        "noise.gif": RNG.bytes(1000),
        "nulls.jpg": bytes(1000),
        "one byte.png": b"\x89",
        "é 顔 empty.jpg": b"",
    }
    empty = {f"empty.{kind}": b"" for kind in ("jpeg", "png", "bmp", "gif", "webp")}
    return names | empty


def patched(data, place, code, *values):
    """With values written at a place, which may follow a mark."""
    start = place if isinstance(place, int) else data.index(place) + len(place)
    values = struct.pack(code, *values)
    return data[:start] + values + data[start + len(values) :]


def huge_files() -> dict[str, bytes]:
    """Small files that claim a huge image."""
    sound, files = sound_files(), {}
    for side in (SIDE + 1, 60_000, 2**31 - 1, 2**32 - 1):
        files[f"huge {side}.png"] = png(side, side, 8, 6, b"\0" * 1000)
        files[f"huge {side} interlaced.png"] = png(side, side, 8, 3, b"\0" * 99, interlaced=1)
        side_bytes = min(side, 2**31 - 1)
        files[f"huge {side}.bmp"] = patched(sound["rgb.bmp"], 18, "<ii", side_bytes, side_bytes)
        files[f"huge {side} up.bmp"] = patched(
            sound["runs.bmp"], 18, "<ii", side_bytes, -side_bytes
        )
    for side in (SIDE + 1, 60_000, 65_535):
        for kind, start in (("baseline.jpg", b"\xff\xc0"), ("progressive.jpg", b"\xff\xc2")):
            at = sound[kind].index(start) + 5
            files[f"huge {side} {kind}"] = patched(sound[kind], at, ">HH", side, side)
        gif = patched(sound["animated.gif"], 6, "<HH", side, side)
        files[f"huge {side}.gif"] = gif
        frame = sound["animated.gif"].index(b"\x2c\0\0\0\0") + 5
        files[f"huge {side} frame.gif"] = patched(sound["animated.gif"], frame, "<HH", side, side)
    for side in (16_383, 2**24):
        code = struct.pack("<I", side - 1)[:3]
        files[f"huge {side} canvas.webp"] = patched(sound["alpha.webp"], 24, "6s", 2 * code)
    files["huge.webp"] = patched(sound["lossy.webp"], b"\x9d\x01\x2a", "<HH", 16_383, 16_383)
    files["huge lossless.webp"] = patched(sound["lossless.webp"], 21, "<I", 2**28 - 1)
    return files


def largest_files() -> dict[str, bytes]:
    """Small files that claim the largest image that is read, and hold next to nothing of it."""
    sound, side = sound_files(), SIDE
    return {
        "largest.png": png(side, side, 8, 6, b"\0" * 1000),
        "largest 16.png": png(side, side, 16, 2, b"\0" * 1000),
        "largest.bmp": patched(sound["rgb.bmp"], 18, "<ii", side, side),
        "largest.webp": patched(sound["lossy.webp"], b"\x9d\x01\x2a", "<HH", side, side),
    }


def bombs() -> dict[str, bytes]:
    """PNG files with a chunk beside the pixels that unpacks to 100 MB."""
    packed = zlib.compress(bytes(100_000_000), 1)
    rows = raw_rows(RGB)
    return {
        f"bomb {kind.decode()}.png": png(WIDTH, HEIGHT, 8, 2, rows, chunk(kind, head + packed))
        for kind, head in {
            b"zTXt": b"key\0\0",
            b"iTXt": b"key\0\1\0\0\0",
            b"iCCP": b"profile\0\0",
        }.items()
    }


# -------------------------------------------------------------------------------------- reading


@pytest.fixture(scope="module")
def files():
    return {
        **{f"sound {name}": data for name, data in sound_files().items()},
        **damaged_files(),
        **wrong_files(),
        **huge_files(),
        **largest_files(),
        **bombs(),
    }


@pytest.fixture(scope="module")
def told(files, tmp_path_factory):
    """What a process of its own says of reading all of them."""
    folder = tmp_path_factory.mktemp("files")
    return read_all(folder, files, *LOADERS)


def read_all(folder, files, *loaders):
    """{loader: {"read": names, "skipped": (name, reason) of each, "refusal": without skipping}},
    "peak" in KiB, "slowest": (seconds, name) of the decoding of a file."""
    (folder / "train").mkdir()
    for name, data in files.items():
        (folder / "train" / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, folder, *loaders], cwd=Path(tf_gen.__file__).parents[1],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_there_are_many_of_them_always_the_same(files):
    assert len(files) >= 600
    assert damaged_files() == damaged_files()
    assert len({data for data in files.values() if data}) >= 600


def test_what_is_put_together_by_hand_is_sound_before_it_is_damaged():
    sound = sound_files()
    np.testing.assert_array_equal(decode(sound["interlaced.png"], "interlaced"), RGB)
    runs = RGB.reshape(-1, 3)[:16][GREY % 16]
    np.testing.assert_array_equal(decode(sound["runs.bmp"], "runs"), runs)
    assert Image.open(io.BytesIO(sound["progressive.jpg"])).info["progressive"]
    assert Image.open(io.BytesIO(sound["cmyk.jpg"])).mode == "CMYK"
    assert Image.open(io.BytesIO(sound["animated.gif"])).n_frames == 2


@pytest.mark.parametrize("loader", LOADERS)
def test_each_file_is_read_or_named_with_a_reason(loader, told, files):
    read, skipped = told[loader]["read"], [name for name, _ in told[loader]["skipped"]]
    assert sorted(read + skipped) == sorted(f"train/{name}" for name in files)
    assert min(len(read), len(skipped)) >= 100
    for name, reason in told[loader]["skipped"]:
        assert reason.startswith(f"{name}: ") and len(reason) > len(name) + 10
        assert "\n" not in reason


@pytest.mark.parametrize("loader", LOADERS[:2])
def test_the_refusal_names_every_bad_file_in_one_line(loader, told):
    message, skipped = told[loader]["refusal"], told[loader]["skipped"]
    assert message.startswith(f"{len(skipped)} unreadable: ")
    assert all(reason in message for _, reason in skipped)
    assert not any(f"{name}: " in message for name in told[loader]["read"])
    assert "\n" not in message


@pytest.mark.parametrize("loader", LOADERS)
def test_sound_files_among_them_are_read_and_what_is_no_image_is_not(loader, told):
    read = {name.removeprefix("train/") for name in told[loader]["read"]}
    right = {name for name in (*sound_files(), *wrong_files()) if name.startswith("right")}
    assert {f"sound {name}" for name in sound_files()} | right <= read
    assert not read & (wrong_files().keys() - right)
    assert not read & (huge_files().keys() | bombs().keys())


def test_they_are_read_in_bounded_memory_and_time(told):
    print(f"\npeak {told['peak'] / GIB:.2f} GiB, slowest {told['slowest']}")
    assert told["peak"] < 2 * GIB
    assert told["slowest"][0] < 20


# ----------------------------------------------------------------------------- really large ones


def large_png(turned):
    """RGBA of one colour."""
    chunks = [chunk(b"eXIf", exif(6).tobytes().removeprefix(b"Exif\0\0"))] if turned else []
    row = b"\0" + bytes((50, 100, 150, 200)) * WIDE
    return png(WIDE, HIGH, 8, 6, (row for _ in range(HIGH)), *chunks)


def large(kind, mode, **options):
    return encoded(Image.new(mode, (WIDE, HIGH), (50, 100, 150, 200)), kind, **options)


LARGE = {
    "rgba.png": lambda: large_png(turned=False),
    "turned.png": lambda: large_png(turned=True),
    "cmyk.jpg": lambda: large("JPEG", "CMYK", progressive=True, subsampling=0, exif=exif(5)),
    "alpha.webp": lambda: large("WEBP", "RGBA", lossless=True, method=0),
}


@pytest.mark.slow
@pytest.mark.parametrize("loader", ["faces", "pairs of any shape"])
@pytest.mark.parametrize("name", LARGE)
def test_an_image_of_almost_the_most_pixels_is_read_in_bounded_memory(name, loader, tmp_path):
    assert 0.98 < WIDE * HIGH / MAX_PIXELS < 1
    sound = {f"{i}.png": encoded(np.roll(RGB, i), "PNG") for i in range(3)}
    told = read_all(tmp_path, sound | {name: LARGE[name]()}, loader)
    assert f"train/{name}" in told[loader]["read"]
    print(f"\npeak {told['peak'] / GIB:.2f} GiB, slowest {told['slowest']}")
    assert told["peak"] < 2 * GIB
    assert told["slowest"][0] < 20
