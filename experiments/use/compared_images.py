"""Images that two forms of a model are compared on."""

import dataclasses
import types
from pathlib import Path

import numpy as np

from experiments.data.account import source_of
from experiments.launch.errors import UsageError
from experiments.launch.saved_models import record_of
from tf_gen.data import draw_faces, draw_pairs, load_faces, load_pairs
from tf_gen.data.images import with_channels
from tf_gen.data.published.sets import ANIME_FACES, CARTOON_FACES, MAPS
from tf_gen.data.reading import MODES, decode, resize
from tf_gen.data.sources import KINDS, Folder, read_bytes
from tf_gen.errors import UserError

OF_PAIRS = ("pix2pix_maps", "pix2pix_maps_modern", "pix2pixhd_maps", "spade_maps")
COUNT = 8
SIZE = 64  # where neither the model nor its record says


def compared_images(config, shape) -> tuple[np.ndarray, str]:
    """(uint8 [N, H, W, C], whose they are).

    Args: config: of the command, with ``model`` and ``images``; shape: of the images that the model
        takes, [None, H, W, C]; H and W may be None.
    """
    record = record_of(config.model)
    options = {"data": "synthetic", "data_dir": None, "crop": (1.0,), "direction": "map_to_aerial"}
    options |= {**record.get("identity", {}), **record.get("settings", {})}
    *sides, channels = shape[1:]
    height, width = (side or np.max(options.get("image_size", SIZE)) for side in sides)
    if config.images is not None:
        images, whose = _given(config.images, height, width), f"images of {config.images}"
    else:
        kind = record.get("experiment", "")
        images, whose = _own(types.SimpleNamespace(**options), kind, max(height, width))
        images = resize(images, height, width)
    if channels not in MODES:  # of a model that no command here makes
        return images[..., np.arange(channels) % 3], f"{len(images)} {whose}"
    return with_channels(images, channels), f"{len(images)} {whose}"


def _given(path: Path, height, width):
    root = path if path.is_dir() else path.parent
    names = Folder(root).names[:COUNT] if path.is_dir() else [path.name]
    if not names:
        raise UsageError(f"--images {path}: no images ({KINDS}) in it")
    decoded = (decode(read_bytes(root / name, name), name) for name in names)
    return np.stack([resize(image, height, width) for image in decoded])


def _own(options, kind, size):
    """Validation images of a run's own data; drawn ones if it has none, or they are not there."""
    of_pairs, style = kind in OF_PAIRS, "cartoon" if "cartoon" in kind else "anime"
    if not kind:
        return _drawn(options, of_pairs, style, size), "drawn images, for lack of the run's record"
    if options.data == "synthetic":
        return _drawn(options, of_pairs, style, size), "images of the drawn set that it trained on"
    published = MAPS if of_pairs else CARTOON_FACES if style == "cartoon" else ANIME_FACES
    try:  # what was fetched once is not fetched again for this
        source = source_of(options, {"": dataclasses.replace(published, urls=())})
        if of_pairs:
            images, _ = load_pairs(source, "val", size, True).towards(options.direction)
        else:
            images = load_faces(
                source, size, crop=options.crop[:1], skip_unreadable=True
            ).val.images
    except (UserError, UsageError):
        why = f"drawn images, for lack of the run's own data ({options.data})"
        return _drawn(options, of_pairs, style, size), why
    rows = np.linspace(0, len(images) - 1, min(COUNT, len(images))).astype(int)
    return images[rows], f"validation images of the run's own data ({options.data})"


def _drawn(options, of_pairs, style, size):
    if of_pairs:
        aerial, street_map = draw_pairs(COUNT, 1, size)
        return street_map if options.direction == "map_to_aerial" else aerial
    return draw_faces(COUNT, 1, style, size)
