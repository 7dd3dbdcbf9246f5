"""What the page to draw on can do with a model: translate, shape faces, or sample."""

import base64
import io
import json

import numpy as np
from PIL import Image
from werkzeug.datastructures import MultiDict

from tf_gen.data import draw_pairs
from tf_gen.data.drawn import city
from tf_gen.data.images import to_levels, to_unit_range
from tf_gen.data.reading import DAMAGED, FORMATS, QUIET, decode, resize
from tf_gen.metrics.street_maps import COLOURS, MAP_CLASSES

MOST_SIDE = 4096
DIRECTIONS = 8  # sliders
MOST_FACES = 64  # in one request
LAND = ("lawn", "park", "pitch", "field", "paved", "car park")


class Refused(Exception):
    """What the page shows as a message."""


def ability_of(model, record: dict, name: str):
    """What can be done with a SavedModel of RGB images; None if nothing.

    Args: record: its run's config.json.
    Raises: TypeError, ValueError of a model that takes or makes other images.
    """

    def can(*functions):
        return all(callable(getattr(model, function, None)) for function in functions)

    if can("translate", "sizes"):
        return Translating(model, record, name)
    if can("sample_codes", "decode"):
        return Sampling(model, name)
    return Shaping(model, name) if can("sample", "encode", "decode") else None


class Translating:
    """A pix2pix: the page sends images, PNG, and is sent what the model makes of them."""

    def __init__(self, model, record, name):
        self.translate = model.translate
        self.size = int(model.sizes()[0])
        self._translate(png(np.zeros((self.size, self.size, 3), np.uint8)), {})  # the first is slow
        fields = {**record.get("settings", {}), **record.get("identity", {})}
        self.from_map = fields.get("direction", "map_to_aerial") == "map_to_aerial"
        drawn = fields.get("data") == "synthetic"
        self.about = {
            "name": name,
            "kind": "translate",
            "size": self.size,
            "sides": self._sides(fields.get("data")),
            "colours": palette(fields.get("data"), self.from_map),
            "scenes": drawn,
        }
        self.answers = {"/translate": self._translate, "/open": self._open}
        if drawn:
            self.answers["/scene"] = self._scene

    def _sides(self, data):
        if data not in ("synthetic", "report"):  # pairs of anything
            return ["Input", "Output"]
        return ["Map", "Photograph"] if self.from_map else ["Photograph", "Map"]

    def _translate(self, body, args):
        image = square(read(body), self.size)
        return png(to_levels(self.translate(to_unit_range(image[None]))[0]))

    def _open(self, body, args):
        return png(square(read(body), self.size))

    def _scene(self, body, args):
        aerial, street_map = draw_pairs(1, seed_in(args), self.size)
        return png((street_map if self.from_map else aerial)[0])


def palette(data: str | None, from_map: bool) -> list[dict]:
    """The colours to draw in: the drawn city's, or the published maps', with black and white where
    nothing is known of the images. A line in a colour with ``casing`` has that rim."""
    if data == "synthetic":
        return _of_city_map() if from_map else _of_city_photograph()
    of_class = dict(reversed(COLOURS))  # the first of each
    of_map = [_colour(name, of_class[name]) for name in MAP_CLASSES if from_map]
    plain = [_colour("white", (255, 255, 255)), _colour("black", (0, 0, 0))]
    return of_map if data == "report" and from_map else of_map + plain


def _of_city_map():
    colours, ends = city.MAP_COLOURS, " casing"
    return [
        _colour(name, colours[name], colours.get(name + ends))
        for name in colours if not name.endswith(ends)
    ]  # fmt: skip


def _of_city_photograph():
    land = [_colour(name, city.GROUND[name]) for name in LAND]
    roofs = [_colour("roof", city.ROOFS[0]), _colour("red roof", city.ROOFS[6])]
    return [
        *land,
        _colour("street", city.ASPHALT["street"]),
        _colour("water", (40, 64, 74)),
        *roofs,
    ]


def _colour(name, rgb, casing=None):
    def written(rgb):
        return "#" + "".join(f"{int(level):02x}" for level in rgb[:3])

    return {"name": name, "colour": written(rgb)} | ({"casing": written(casing)} if casing else {})


class Sampling:
    """A prior over codes: new images."""

    def __init__(self, model, name):
        self.model, self.classes = model, classes_of(model)
        self.about = {"name": name, "kind": "sample", "classes": self.classes}
        self.answers = {"/new": self._new}
        self._new(b"", MultiDict())  # the first is slow

    def _new(self, body, args):
        images = self.model.sample(count_in(args, self.classes), [seed_in(args), 0])
        return {"images": [data_url(image) for image in to_levels(images)]}


class Shaping:
    """A VAE, conditional or not: new faces, and any latents decoded; the page does the sums."""

    def __init__(self, model, name):
        self.model, self.classes = model, classes_of(model)
        self.draw = getattr(model, "sample_mixture", model.sample)
        directions = getattr(model, "directions", None)
        one = np.zeros(1, np.int32) if self.classes else np.int32(1)
        images = self.draw(one, [0, 0])
        self.size = int(images.shape[1])
        self._shaped(images, MultiDict())  # the first is slow
        self.about = {
            "name": name,
            "kind": "shape",
            "size": self.size,
            "classes": self.classes,
            "directions": rounded(directions(DIRECTIONS)) if directions else [],
        }
        self.answers = {"/new": self._new, "/decode": self._decode, "/open": self._open}

    def _new(self, body, args):
        images = self.draw(count_in(args, self.classes), [seed_in(args), 0])
        return self._shaped(images, args)

    def _open(self, body, args):
        image = square(read(body), self.size)
        return self._shaped(to_unit_range(image[None]), args)

    def _shaped(self, images, args):
        latents, _ = self.model.encode(images, *self._labels(args, len(images)))
        return {"latents": rounded(latents), "images": self._images(latents, args)}

    def _decode(self, body, args):
        latents = np.asarray(json.loads(body), np.float32)
        if latents.ndim != 2 or len(latents) > MOST_FACES or not np.isfinite(latents).all():
            raise Refused(f"Latents are up to {MOST_FACES} lists of numbers.")
        return {"images": self._images(latents, args)}

    def _images(self, latents, args):
        images = self.model.decode(latents, *self._labels(args, len(latents)))
        return [data_url(image) for image in to_levels(images)]

    def _labels(self, args, count):
        return [np.full(count, label_in(args, self.classes), np.int32)] if self.classes else []


def classes_of(model) -> list[str]:
    """The names of a conditional model's classes; [] of another."""
    names = getattr(model, "class_names", None)
    return [name.decode() for name in names().numpy()] if names else []


def count_in(args, classes):
    """How many images the page asks for; of a conditional model as many labels."""
    count = min(max(args.get("count", 1, int), 1), MOST_FACES)
    return np.full(count, label_in(args, classes), np.int32) if classes else np.int32(count)


def label_in(args, classes) -> int:
    return min(max(args.get("label", 0, int), 0), len(classes) - 1)


def seed_in(args) -> int:
    return args.get("seed", 0, int) % 2**31


def read(data: bytes) -> np.ndarray:
    """An image that was sent: uint8 [H, W, 3]. Raises: Refused, Unreadable."""
    try:
        with QUIET, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            side = max(image.size)
    except Image.DecompressionBombError:
        side = MOST_SIDE + 1
    except DAMAGED as error:
        raise Refused("This file is no image that can be read: send JPEG, PNG, WebP.") from error
    if side > MOST_SIDE:
        raise Refused(f"This image is larger than {MOST_SIDE} pixels; make it smaller.")
    return decode(data, "This file")


def square(image: np.ndarray, size: int) -> np.ndarray:
    """The middle of an image, uint8 [size, size, 3]."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, start = (height - side) // 2, (width - side) // 2
    return resize(image[top : top + side, start : start + side], size, size)


def png(image: np.ndarray) -> bytes:
    """uint8 [H, W, 3] -> a PNG file, quickly."""
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()


def data_url(image: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()


def rounded(array) -> list:
    """For JSON, as short as the page needs it."""
    return np.round(np.asarray(array, np.float64), 4).tolist()
