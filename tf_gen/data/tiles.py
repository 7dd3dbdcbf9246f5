"""Images larger than a model takes: cut into tiles that overlap, and blended together again."""

import numpy as np


def in_tiles(translate, image, size, overlap, batch_size=1):
    """What a model makes of an image of any size, tile by tile.

    Tiles lie at even distances and overlap by ``overlap`` pixels at least; there the weight of one
    falls as that of the next rises. An image smaller than a tile is reflected up to its size::

        model = tf.saved_model.load("saved_model")
        whole = in_tiles(model.translate, image, (256, 256), 64, batch_size=8)

    Args:
        translate: [B, *size, C], a batch of tiles as they are -> [B, *size, any channels].
        image: [H, W, C], of any type.
        size: (height, width) of a tile.
        overlap: pixels, less than half a tile.
        batch_size: tiles that are translated at once.
    Returns: float32 [H, W, channels]. Of what is between, only the outputs' sum is held in full.
    """
    height, width = image.shape[:2]
    missing = [max(0, side - there) for side, there in zip(size, (height, width), strict=True)]
    image = np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), "reflect")
    tops, lefts = (_places(image.shape[i], size[i], overlap) for i in (0, 1))
    weight = np.outer(_ramp(size[0], tops), _ramp(size[1], lefts))[..., None].astype(np.float32)
    corners = [(top, left) for top in tops for left in lefts]
    total = weights = None
    for first in range(0, len(corners), batch_size):
        some = corners[first : first + batch_size]
        tiles = np.stack([image[top : top + size[0], left : left + size[1]] for top, left in some])
        for (top, left), made in zip(some, np.asarray(translate(tiles)), strict=True):
            if total is None:
                total = np.zeros((*image.shape[:2], made.shape[-1]), np.float32)
                weights = np.zeros((*image.shape[:2], 1), np.float32)
            place = np.s_[top : top + size[0], left : left + size[1]]
            total[place] += made * weight
            weights[place] += weight
    total /= weights
    return total[:height, :width]


def _places(whole, side, overlap) -> list[int]:
    """Where tiles begin along one axis: evenly, the last at the end."""
    count = 1 + -(-(whole - side) // (side - overlap))
    return [round(place) for place in np.linspace(0, whole - side, count)]


def _ramp(side, places):
    """A tile's weight along one axis: 1 in the middle, falling towards both ends over as much as
    neighbours share, never 0."""
    shared = side - max(np.diff(places), default=side)
    from_end = np.minimum(np.arange(side), np.arange(side)[::-1]) + 0.5
    return np.minimum(1.0, from_end / shared) if shared else np.ones(side)
