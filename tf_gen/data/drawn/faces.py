"""Faces that do not exist, in two manners: close-ups as in anime, and flat cartoon avatars.

A face is painted back to front on a canvas several times too large, which is then averaged down.
Coordinates are the face's own: the frame reaches from -1 to 1, x to the right and y down, and the
canvas turns, scales and shifts all of it.  Shapes are polygons, float arrays [..., points, 2]:

    smooth(points), a closed curve;   ribbon(lines, widths), strokes or locks of hair;   ring(...)

All machines draw the same: chance is uniform numbers alone, and points are rounded before they
meet the grid of pixels.
"""

import colorsys
import functools
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

Array = np.ndarray
Rng = np.random.Generator
Colour = tuple[int, ...]  # red, green, blue and perhaps opacity

STYLES = ("anime", "cartoon")
INK, WHITE, RED = (58, 36, 44), (255, 255, 255), (246, 92, 100)
PLUM = (56, 24, 72)  # what the shade of hair tends to

# Ranges of hue, saturation and value (from, to, from, to, from, to).
ANIME_HAIR = (
    (0.62, 0.76, 0.20, 0.42, 0.24, 0.38), (0.03, 0.08, 0.42, 0.62, 0.36, 0.58),
    (0.11, 0.14, 0.34, 0.60, 0.92, 1.00), (0.05, 0.08, 0.50, 0.66, 0.82, 0.98),
    (0.97, 1.02, 0.55, 0.74, 0.62, 0.88), (0.90, 0.96, 0.28, 0.50, 0.92, 1.00),
    (0.54, 0.64, 0.38, 0.66, 0.58, 0.94), (0.44, 0.50, 0.36, 0.58, 0.64, 0.86),
    (0.26, 0.38, 0.32, 0.50, 0.62, 0.82), (0.70, 0.80, 0.28, 0.52, 0.56, 0.88),
    (0.55, 0.75, 0.03, 0.13, 0.84, 0.96),
)  # fmt: skip
ANIME_EYES = (
    (0.55, 0.64, 0.60, 0.85, 0.75, 0.98), (0.30, 0.48, 0.50, 0.80, 0.60, 0.85),
    (0.04, 0.09, 0.60, 0.80, 0.50, 0.72), (0.96, 1.01, 0.65, 0.85, 0.76, 0.94),
    (0.72, 0.82, 0.50, 0.75, 0.70, 0.92), (0.10, 0.14, 0.70, 0.90, 0.85, 0.98),
)  # fmt: skip
ANIME_SKIN = ((255, 232, 216), (255, 224, 204), (250, 212, 188), (236, 186, 152), (196, 142, 108))
CARTOON_EYES = (
    (0.06, 0.08, 0.60, 0.75, 0.30, 0.50), (0.55, 0.60, 0.55, 0.75, 0.65, 0.85),
    (0.28, 0.40, 0.40, 0.60, 0.45, 0.62), (0.08, 0.10, 0.65, 0.80, 0.55, 0.70),
    (0.55, 0.60, 0.10, 0.25, 0.50, 0.62),
)  # fmt: skip
CARTOON_SKIN = (
    (255, 224, 196), (246, 204, 170), (232, 182, 142), (214, 156, 112), (180, 122, 82),
    (140, 90, 58), (104, 66, 44),
)  # fmt: skip
CARTOON_HAIR = (
    (44, 34, 34), (82, 54, 40), (128, 80, 48), (176, 116, 60), (232, 190, 104), (246, 220, 150),
    (200, 84, 44), (150, 44, 40), (164, 164, 168), (230, 228, 226), (94, 132, 206),
    (228, 122, 168), (120, 92, 170), (72, 150, 130),
)  # fmt: skip
LENSES = (
    (*WHITE, 40), (*WHITE, 40), (*WHITE, 40), (60, 60, 66, 235), (96, 70, 50, 225),
    (64, 120, 190, 190), (216, 110, 80, 180), (120, 170, 90, 180), (170, 90, 170, 180),
)  # fmt: skip
FRAMES = ((40, 36, 44), (40, 36, 44), (120, 66, 40), (180, 50, 56), (56, 84, 160), (196, 160, 80))


# ---------------------------------------------------------------------------- chance and colour


def pick(rng: Rng, options: Sequence):
    """Return one of the options, each as likely as another."""
    return options[int(rng.random() * len(options))]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Blend two opaque colours; a share of 1 gives the second."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first[:3], second[:3], strict=True))


def tone(rng: Rng, ranges: Sequence) -> Colour:
    """Return a colour from one of the ranges of hue, saturation and value."""
    low, high = np.reshape(pick(rng, ranges), (3, 2)).T
    hue, saturation, value = (low + (high - low) * rng.random(3)).tolist()
    return tuple(round(255 * c) for c in colorsys.hsv_to_rgb(hue % 1, saturation, value))


def jitter(rng: Rng, colour: Colour, by: float) -> Colour:
    """Return the colour a little lighter or darker, and a little off its hue."""
    shift = rng.uniform(-by, by) + rng.uniform(-by / 3, by / 3, 3)
    return tuple(min(max(round(c + s), 0), 255) for c, s in zip(colour, shift, strict=True))


# ------------------------------------------------------------------------------------ geometry


@functools.cache
def spline(k: int, closed: bool) -> Array:
    """Return weights [2, n, k]: of a Catmull-Rom curve through k points, and of its slope."""
    n = 5 * k if closed else 4 * k - 3
    t = np.linspace(0, k if closed else k - 1, n, endpoint=not closed)
    leg = np.minimum(t.astype(int), k - 1 if closed else k - 2)
    f = t - leg
    blend = -f + 2 * f**2 - f**3, 2 - 5 * f**2 + 3 * f**3, f + 4 * f**2 - 3 * f**3, f**3 - f**2
    weights = np.zeros((n, k))
    for i in range(4):
        near = (leg + i - 1) % k if closed else np.clip(leg + i - 1, 0, k - 1)
        np.add.at(weights, (np.arange(n), near), blend[i] / 2)
    return np.stack([weights, np.gradient(weights, axis=0)])


def smooth(points) -> Array:
    """Return the closed curve [5k, 2] through points [k, 2]."""
    return spline(len(points), True)[0] @ points


def mirrored(half) -> Array:
    """Return the closed curve [n, 2] of which points [k, 2] are the right half, top to bottom."""
    half = np.asarray(half)
    return smooth(np.concatenate([half, half[half[:, 0] != 0][::-1] * [-1, 1]]))


def both(shape) -> Array:
    """Return a shape [k, 2] and its mirror image: [2, k, 2]."""
    return np.asarray(shape) * [[[1, 1]], [[-1, 1]]]


def ribbon(lines, widths) -> Array:
    """Return what curves through points [..., k, 2] cover, as wide there as widths [k]."""
    lines = np.asarray(lines)
    weights, slopes = spline(lines.shape[-2], False)
    centre, ahead = weights @ lines, slopes @ lines
    half = np.maximum(weights @ widths, 0)[:, None] / 2
    aside = ahead[..., ::-1] * (half / np.sqrt((ahead**2).sum(-1, keepdims=True) + 1e-9))
    aside[..., 0] *= -1
    return np.concatenate([centre + aside, (centre - aside)[..., ::-1, :]], axis=-2)


CIRCLE = np.round([(math.cos(a * math.pi / 12), math.sin(a * math.pi / 12)) for a in range(24)], 6)


def ring(x: float, y: float, wide: float, high: float) -> Array:
    """Return the ellipse [24, 2] around (x, y) with half axes `wide` and `high`."""
    return CIRCLE * (wide, high) + (x, y)


class Canvas:
    """A picture in the making: places shapes in the frame and paints them.

    Args:
        size: side in pixels.
        turn, zoom, shift: the pose: radians, a factor, and x and y.
    """

    def __init__(self, size: int, turn: float, zoom: float, shift):
        self.image = Image.new("RGB", (size, size), WHITE)
        # Blending is five times slower, so paint that covers has a way of its own.
        self.covering = ImageDraw.Draw(self.image)
        self.blending = ImageDraw.Draw(self.image, "RGBA")
        self.scale = zoom * size / 2
        c, s = self.scale * math.cos(turn), self.scale * math.sin(turn)
        self.turn, self.shift = np.array([(c, s), (-s, c)]), np.add(shift, 1) * size / 2

    def place(self, shapes) -> list[list[float]]:
        """Return shapes, one or an array or a list of them, as Pillow's lists of coordinates."""
        if isinstance(shapes, list):
            return [points for shape in shapes for points in self.place(shape)]
        # Pillow cuts fractions off: unless rounded, a last bit could move a corner by a pixel.
        points = np.rint(np.round(shapes @ self.turn + self.shift, 3))
        return points.reshape(-1, 2 * shapes.shape[-2]).tolist()

    def fill(self, shapes, colour: Colour, line: Colour | None = None, width: float = 0.03):
        """Paint shapes as one mass: the line runs around all of it, not inside."""
        placed = self.place(shapes)
        if line:
            thick = max(1, round(2 * width * self.scale))
            for points in placed:
                self.covering.line(points + points[:4], line, thick)
        draw = self.covering if len(colour) == 3 else self.blending
        for points in placed:
            draw.polygon(points, colour)

    def fill_each(self, shapes, colours: Sequence[Colour]) -> None:
        """Paint every shape in a colour of its own."""
        for points, colour in zip(self.place(shapes), colours, strict=True):
            self.covering.polygon(points, colour)

    def stroke(self, lines, widths, colour: Colour, line: Colour | None = None):
        """Paint curves through points [..., k, 2] of some widths [k]."""
        self.fill(ribbon(lines, widths), colour, line, 0.012)


# --------------------------------------------------------------------------------------- anime

# Hair behind an anime head: the right half of its outline, from the crown to the end.
ANIME_BEHIND = {
    "long": [(0, -1), (0.5, -0.92), (0.84, -0.5), (0.9, 0.1), (0.94, 0.8), (0.98, 1.5), (0, 1.5)],
    "wavy": [(0, -1), (0.55, -0.9), (0.86, -0.4), (0.82, 0.1), (1.0, 0.45), (0.9, 0.85),
             (1.06, 1.4), (0, 1.5)],
    "bob": [(0, -1), (0.5, -0.92), (0.84, -0.5), (0.92, 0.1), (0.86, 0.55), (0.6, 0.74), (0, 0.7)],
    "flicked": [(0, -1), (0.5, -0.93), (0.82, -0.5), (0.84, 0.1), (0.8, 0.5), (1.02, 0.7),
                (0.66, 0.76), (0, 0.7)],
    "short": [(0, -1), (0.5, -0.93), (0.8, -0.5), (0.76, 0), (0.6, 0.36), (0, 0.4)],
}  # fmt: skip
ANIME_BEHIND |= dict.fromkeys(("tails", "tail", "buns", "spiky"), ANIME_BEHIND["short"])
CAP = [(0, -1), (0.45, -0.93), (0.76, -0.62), (0.82, -0.2), (0.74, 0.12), (0.62, -0.1),
       (0.45, -0.48), (0, -0.6)]  # fmt: skip
# Fringes: fewest and most locks, height of the tips, how much they fall off to the sides,
# raggedness, width of a tip, and how far the parting may lie off the middle.
FRINGES = (
    (6, 8, -0.08, 0.06, 0.02, 0.16, 0.2),  # straight
    (6, 8, -0.42, 0.85, 0.08, 0.00, 0.12),  # parted
    (4, 7, -0.02, 0.10, 0.15, 0.00, 0.3),  # spiky
    (4, 6, -0.26, 0.45, 0.08, 0.00, 0.5),  # swept
    (3, 5, -0.06, 0.30, 0.06, 0.03, 0.2),  # a few broad locks
)
# Shut mouths, from corner to corner: like a cat's, smiles, and one that is not sure.
MOUTH_LINES = (
    (0, 1, 0, 1, 0), (0, 0.2, 0.3, 0.2, 0), (0, 1, 1, 1, 0), (0, 0.6, 0.9, 0.6, 0),
    (0.3, 0, 0, 0, 0.2),
)  # fmt: skip


def paint_ground(rng: Rng, canvas: Canvas) -> None:
    """Paint the background: one colour fading into a related one, perhaps spots of light."""
    hue, angle = rng.random(), rng.uniform(0, 2 * math.pi)
    ends = [
        np.multiply(colorsys.hsv_to_rgb((hue + shift) % 1, rng.uniform(0.06, 0.5), value), 255)
        for shift, value in ((0, rng.uniform(0.8, 1)), (rng.uniform(0, 0.2), rng.uniform(0.55, 1)))
    ]
    across = np.array([math.cos(angle), math.sin(angle)])
    along = across[::-1] * [-2, 2]
    shares = np.linspace(0, 1, 28).tolist()
    edges = np.linspace(-1.8, 1.7, 28)[:, None] * across  # [28, 2]
    strip = np.array([-along, along, along + 0.2 * across, 0.2 * across - along])
    canvas.fill_each(edges[:, None] + strip, [mix(*ends, share) for share in shares])
    if rng.random() < 0.35:
        for x, y, r in rng.uniform(-1, 1, (6, 3)):
            canvas.fill(ring(x, y, 0.2 + r / 9, 0.2 + r / 9), (*WHITE, 60))


def fringe(rng: Rng) -> tuple[Array, Array]:
    """Return the locks over the forehead: lines [n, 4, 2] and widths [4]."""
    fewest, most, tip, fall, ragged, blunt, parting = pick(rng, FRINGES)
    n, part = int(rng.uniform(fewest, most + 1)), rng.uniform(-parting, parting)
    x = np.linspace(-0.6, 0.6, n) + rng.uniform(-0.04, 0.04, n)
    x = x[np.argsort(-np.abs(x - part), kind="stable")]  # the locks by the parting lie on top
    y = tip + fall * np.abs(x - part) + rng.uniform(-ragged, ragged, n) + rng.uniform(-0.08, 0.04)
    lean = rng.uniform(-0.12, 0.12) + 0.1 * np.sign(x - part)
    root, bend = part + 0.3 * (x - part), part + 0.85 * (x - part)
    heights = [np.full(n, -0.92), np.full(n, -0.72), y / 2 - 0.3, y]
    lines = np.stack([np.stack([root, bend, x, x + lean], 1), np.stack(heights, 1)], axis=2)
    wide = 0.14 + 0.85 / n
    return lines, np.array([0.2, wide, wide * rng.uniform(0.8, 1.0), blunt])


def anime_hair_behind(rng: Rng, kind: str) -> list[Array]:
    """Return the hair behind the head: a mass, and perhaps tails, buns or spikes."""
    shapes = [mirrored(np.multiply(ANIME_BEHIND[kind], [rng.uniform(0.95, 1.04), 1]))]
    if kind in ("tails", "tail"):
        reach, drop = rng.uniform(0.95, 1.15), rng.uniform(0.9, 1.4)
        line = [(0.6, -0.66), (reach - 0.05, -0.5), (reach, 0.2), (reach - 0.15, drop)]
        tails = both(ribbon(line, [0.15, 0.42, 0.44, 0.0]))
        shapes.append(tails if kind == "tails" else tails[int(rng.random() * 2)])
    elif kind == "buns":
        shapes.append(both(ring(0.56, rng.uniform(-0.9, -0.8), rng.uniform(0.2, 0.3), 0.25)))
    elif kind == "spiky":
        angles = np.linspace(-2.1, 2.1, 10) + rng.uniform(-0.1, 0.1, 10)
        out = np.stack([np.sin(angles), -np.cos(angles)], axis=1)  # [10, 2]
        bent = np.roll(out, 1, axis=0) * rng.uniform(0, 0.5) + out
        reach = rng.uniform(0.98, 1.2, (10, 1))
        lines = np.stack([out * 0.5, out * 0.8, out * reach + 0.1 * bent], axis=1) - [0, 0.15]
        shapes.append(ribbon(lines, [0.4, 0.34, 0]))
    return shapes


def paint_body(rng: Rng, canvas: Canvas, skin: Colour, line: Colour) -> None:
    """Paint neck, shoulders and a collar; the frame shows little of them."""
    cloth = pick(rng, (WHITE, (52, 56, 84), tone(rng, ANIME_EYES), tone(rng, ANIME_HAIR)))
    trim = pick(rng, (WHITE, mix(cloth, INK, 0.5), tone(rng, ANIME_EYES)))
    dark = mix(cloth, INK, 0.7)
    shoulders = [(0, 0.9), (0.26, 0.92), (0.75, 1.05), (1.0, 1.6), (0, 1.6)]
    canvas.fill(mirrored(shoulders), cloth, dark)
    canvas.fill(np.array([(-0.2, 0.5), (0.2, 0.5), (0.22, 1), (0, 1.2), (-0.22, 1)]), skin, line)
    canvas.fill(ring(0, 0.72, 0.21, 0.26), mix(skin, (176, 84, 96), 0.38))
    canvas.fill(both([(0.2, 0.9), (0.38, 0.94), (0.28, 1.25), (0, 1.16)]), trim, dark)


def paint_anime_eye(canvas: Canvas, look: dict, side: int, x: float, wide: float) -> None:
    """Paint one eye around x; its own coordinates go from -1, by the nose, to 1."""
    high, top = look["high"], look["open"]

    def put(u, v):  # from the eye's coordinates to the face's
        return np.stack([x + side * wide * u, 0.2 + high * (v - look["slant"] * u)], axis=-1)

    if look["closed"]:
        u, v = np.array([-1, 0, 1.1]), np.array([0, look["closed"] * 0.45, 0.1])
        canvas.stroke(put(u, v), [0.03, 0.07, 0.04], look["lash"])
        return
    u = np.linspace(-1, 1, 13)
    upper, lower = 0.15 - top * (1 - np.abs(u) ** 2.4), 0.9 - 0.75 * u**4
    canvas.fill(put(np.append(u, u[::-1]), np.append(upper, lower[::-1])), (252, 250, 252))
    canvas.fill(put(np.append(u, u[::-1]), np.append(upper, upper[::-1] + 0.35)), (206, 202, 222))
    # From the rim of the iris to the glints: shift, height, half width, half height.
    discs = np.array([
        (0, 0, 1, 0.95), (0, 0.18, 0.84, 0.72), (0, 0.5, 0.6, 0.36), (0, 0.02, 0.42, 0.46),
        (-0.24, -0.38, 0.38, 0.3), (0.26, 0.48, 0.2, 0.16),
    ])  # fmt: skip
    cx, cy, across, down = discs.T[..., None]
    us = look["size"] * across * CIRCLE[:, 0] + side * (cx + look["gaze"])  # [6, 24]
    lid = 0.15 - top * (1 - np.minimum(np.abs(us), 1) ** 2.4)
    canvas.fill_each(put(us, np.clip(cy + down * CIRCLE[:, 1], lid, 0.92)), look["iris"])
    canvas.stroke(put(u[::4] * 1.08, upper[::4] - 0.04), look["lashes"], look["lash"])
    corner = put(np.array([0.8, 1.0, 1.3]), np.array([0.1, -0.02, -0.2]))
    canvas.stroke(corner, [0.03, 0.06, 0.0], look["lash"])
    canvas.stroke(put(u[5:12:3], lower[5:12:3] + 0.03), [0.0, 0.025, 0.03], look["lash"])


def paint_anime_eyes(rng: Rng, canvas: Canvas, dark: Colour, away: float) -> None:
    """Paint eyes, brows and blush; `away` shifts them as the head turns."""
    iris = tone(rng, ANIME_EYES)
    rim, pupil = mix(iris, (24, 10, 40), 0.68), mix(iris, (16, 6, 30), 0.85)
    look = {
        "high": rng.uniform(0.21, 0.28), "slant": rng.uniform(-0.1, 0.16),
        "open": pick(rng, (1.0, 1.0, 1.0, 0.85, 0.65)), "size": rng.uniform(0.62, 0.78),
        "iris": (rim, iris, mix(iris, WHITE, 0.45), pupil, WHITE, WHITE),
        "gaze": rng.uniform(-0.12, 0.12), "lash": mix(dark, (30, 16, 24), 0.6),
        "lashes": np.array([0.04, 0.09, 0.11, 0.09]) * rng.uniform(0.55, 1.05),
    }  # fmt: skip
    closed, blush = rng.random(), rng.random() ** 1.5
    apart, wide = rng.uniform(0.33, 0.37), rng.uniform(0.2, 0.235)
    lift, slope = rng.uniform(-0.05, 0.03), rng.uniform(-0.06, 0.06)
    for side in (-1, 1):
        x = side * apart + away
        for r in (0.1, 0.15):
            canvas.fill(ring(x + 0.06 * side, 0.5, r, 0.55 * r), (*RED, int(85 * blush)))
        # Both eyes shut, in a smile or asleep, or one that winks.
        shut = closed < 0.06 or closed < 0.09 and side > 0
        look["closed"] = (1 if closed < 0.02 else -1) * shut
        paint_anime_eye(canvas, look, side, x, wide * (1 - 0.9 * away * side))
        brow = np.array([(-0.16, slope), (0.02, -0.05), (0.2, -slope / 2)]) * [side, 1]
        canvas.stroke(brow + [x, -0.14 + lift], [0.025, 0.045, 0.0], dark)


def paint_anime_mouth(rng: Rng, canvas: Canvas, line: Colour, x: float) -> None:
    """Paint a mouth around x: a line of some shape, or open."""
    kind, wide, y = int(rng.random() * 9), rng.uniform(0.1, 0.16), rng.uniform(0.62, 0.645)
    deep = (150, 40, 52)
    if kind < 5:
        y += 0.05 * np.array(MOUTH_LINES[kind])
        points = np.stack([x + wide * np.linspace(-1, 1, 5), y], axis=1)
        canvas.stroke(points, [0.02, 0.03, 0.035, 0.03, 0.02], line)
    elif kind == 5:
        canvas.fill(ring(x, y + 0.01, wide * 0.4, rng.uniform(0.04, 0.07)), deep, line, 0.01)
    else:
        drop = rng.uniform(0.08, 0.14)
        half = np.array([(0, 0), (1, -0.02), (0.7, 0.75 * drop), (0, drop)])
        canvas.fill(mirrored(half) * [wide, 1] + [x, y], deep, line, 0.012)
        canvas.fill(ring(x, y + drop * 0.72, wide * 0.5, drop * 0.24), (240, 124, 124))
        if kind == 8:
            teeth = [(x - 0.7 * wide, y + 0.01), (x + 0.7 * wide, y + 0.01)]
            canvas.stroke(teeth, [0.04, 0.04], WHITE)


def paint_anime_hair(rng: Rng, canvas: Canvas, tints: tuple, lines: Array, widths: Array) -> None:
    """Paint the hair before the face: a cap, side locks, and the fringe with shade and gloss."""
    end, curl, thick = rng.uniform(0.15, 1.1), rng.uniform(-0.1, 0.1), rng.uniform(0.14, 0.26)
    side = [(0.62, -0.5), (0.7, -0.1), (0.69, 0.3 * end), (0.64 + curl, end)]
    sides = both(ribbon(side, [0.2, thick, thick, 0.0]))
    hair, strand = tints
    canvas.fill([mirrored(CAP), sides, ribbon(lines, widths)], hair, strand)
    aside = lines + widths[:, None] * [0.22, 0]
    canvas.stroke(aside[:, 1:], widths[1:] * [0, 0.42, 0], mix(hair, PLUM, 0.25))
    canvas.stroke(lines[:, 1:] + [0.02, 0], [0, 0.024, 0.012], strand)
    low, high = (-0.8, 0.8) if rng.random() < 0.3 else np.multiply(pick(rng, (-1, 1)), (0.15, 0.8))
    u = np.linspace(low, high, 12)
    upper = rng.uniform(-0.7, -0.5) + 0.3 * u**2
    lower = upper + 0.06 + rng.uniform(0, 0.1, 12) * ([1, 0.2] * 6)
    band = np.stack([np.append(u, u[::-1]) * 0.8, np.append(upper, lower[::-1])], axis=1)
    canvas.fill(band, mix(hair, WHITE, rng.uniform(0.25, 0.6)))


def paint_ornament(rng: Rng, canvas: Canvas, hair: Colour, strand: Colour) -> None:
    """Paint what is worn in the hair: mostly nothing."""
    kind, colour, side = int(rng.random() * 10), tone(rng, ANIME_EYES), pick(rng, (-1, 1))
    dark = mix(colour, INK, 0.6)
    if kind == 0:  # a bow
        x, y = 0.5 * side, -0.82
        loops = both([(0, 0), (0.26, -0.18), (0.3, 0.02), (0.24, 0.2)]) + [x, y]
        canvas.fill([*loops, ring(x, y, 0.08, 0.08)], colour, dark, 0.02)
    elif kind == 1:  # a band
        arch = [(-0.8, -0.3), (-0.5, -0.74), (0, -0.88), (0.5, -0.74), (0.8, -0.3)]
        canvas.stroke(arch, [0.1] * 5, colour, dark)
    elif kind == 2:  # a clip
        for y in (-0.28, -0.16):
            canvas.stroke([(0.42 * side, y), (0.66 * side, y + 0.04)], [0.06, 0.06], colour, dark)
    elif kind == 3:  # a flower
        petals = [ring(0.62 * side + 0.1 * x, -0.5 + 0.1 * y, 0.09, 0.09) for x, y in CIRCLE[::5]]
        canvas.fill(petals, mix(colour, WHITE, 0.4), dark, 0.02)
        canvas.fill(ring(0.62 * side, -0.5, 0.06, 0.06), (255, 222, 110))
    elif kind == 4:  # ears of a cat
        canvas.fill(both([(0.2, -0.88), (0.62, -1.25), (0.74, -0.6)]), hair, strand)
        canvas.fill(both([(0.36, -0.88), (0.59, -1.1), (0.66, -0.72)]), (250, 190, 190))


def paint_anime(rng: Rng, size: int) -> Image.Image:
    """Draw a close-up of an anime-like face on a canvas of that size."""
    turn, zoom, away = rng.uniform((-0.16, 0.92, -0.09), (0.16, 1.1, 0.09)).tolist()
    canvas = Canvas(size, turn, zoom, rng.uniform((-0.07, -0.03), (0.07, 0.1)))
    skin = jitter(rng, ANIME_SKIN[int(rng.random() ** 1.6 * 5)], 4)
    hair = tone(rng, ANIME_HAIR)
    line, strand = mix(skin, (120, 40, 50), 0.62), mix(hair, INK, 0.68)
    shade = mix(skin, (176, 84, 110), 0.3)
    paint_ground(rng, canvas)
    kind = pick(rng, list(ANIME_BEHIND))
    canvas.fill(anime_hair_behind(rng, kind), mix(hair, PLUM, 0.32), strand)
    paint_body(rng, canvas, skin, line)
    jaw, chin = rng.uniform(0.46, 0.54), rng.uniform(0.05, 0.12)
    face = mirrored([(0, -0.8), (0.5, -0.6), (0.66, -0.1), (0.63, 0.25), (jaw, 0.54), (chin, 0.82)])
    face += [0.5 * away, 0] * (face[:, 1:] > 0.3)
    canvas.fill(both(ring(0.66, 0.2, 0.09, 0.17)), skin, line)
    canvas.fill(face, shade, line)
    canvas.fill(face * [0.96, 0.98] + [pick(rng, (-0.025, 0.025)), 0], skin)
    lines, widths = fringe(rng)
    lines += [0.4 * away, 0]
    canvas.fill(ribbon(lines + [0.02, 0.08], widths), shade)
    paint_anime_eyes(rng, canvas, mix(hair, INK, 0.72), away)
    nose = np.array([(0.0, 0.42), (0.03, 0.48), (-0.02, 0.5)]) + [1.25 * away, 0]
    canvas.stroke(nose, [0.0, 0.035, 0.0], line)
    paint_anime_mouth(rng, canvas, line, 1.2 * away)
    paint_anime_hair(rng, canvas, (hair, strand), lines, widths)
    paint_ornament(rng, canvas, hair, strand)
    return canvas.image


# ------------------------------------------------------------------------------------- cartoon

# Hair over a cartoon forehead: the right half from the crown along the outline, and back by the
# hairline; or, where it is combed to one side, all of it.
CARTOON_OVER = {
    "buzz": [(0, -0.66), (0.36, -0.57), (0.52, -0.25), (0.51, -0.02), (0.45, -0.2), (0.3, -0.36),
             (0, -0.38)],
    "short": [(0, -0.78), (0.4, -0.7), (0.57, -0.35), (0.54, 0.02), (0.46, -0.06), (0.42, -0.28),
              (0, -0.34)],
    "drawn back": [(0, -0.74), (0.38, -0.66), (0.55, -0.34), (0.53, 0.06), (0.47, -0.1),
                   (0.34, -0.38), (0, -0.48)],
    "bangs": [(0, -0.76), (0.4, -0.69), (0.58, -0.3), (0.55, 0.12), (0.47, -0.02), (0.42, -0.19),
              (0, -0.22)],
    "centre": [(0, -0.76), (0.4, -0.7), (0.6, -0.3), (0.57, 0.14), (0.46, -0.02), (0.3, -0.32),
               (0, -0.56)],
}  # fmt: skip
COMBED = {
    "side": [(-0.5, 0.02), (-0.57, -0.32), (-0.36, -0.68), (0.05, -0.8), (0.42, -0.68),
             (0.58, -0.32), (0.52, 0.04), (0.44, -0.2), (0.1, -0.28), (-0.26, -0.48),
             (-0.43, -0.24)],
    "quiff": [(-0.51, 0), (-0.57, -0.3), (-0.5, -0.6), (-0.28, -0.82), (0.1, -0.9), (0.5, -0.88),
              (0.66, -0.74), (0.52, -0.62), (0.57, -0.3), (0.51, 0), (0.45, -0.26), (0.36, -0.42),
              (-0.1, -0.38), (-0.42, -0.3)],
}  # fmt: skip
# Lines drawn in that hair: [2, 3, 2] each.
STRANDS = {
    "bangs": both([(0.2, -0.3), (0.19, -0.45), (0.12, -0.6)]),
    "centre": both([(0.04, -0.7), (0.26, -0.58), (0.42, -0.3)]),
    "drawn back": both([(0.25, -0.44), (0.22, -0.55), (0.1, -0.67)]),
    "short": np.array([[(0.12, -0.38), (0.2, -0.5), (0.34, -0.58)],
                       [(-0.12, -0.4), (0, -0.56), (0.16, -0.66)]]),
    "side": np.array([[(-0.2, -0.62), (0.14, -0.5), (0.4, -0.36)],
                      [(0, -0.7), (0.28, -0.6), (0.46, -0.45)]]),
    "quiff": np.array([[(-0.3, -0.5), (-0.02, -0.68), (0.4, -0.76)],
                       [(-0.1, -0.46), (0.14, -0.56), (0.44, -0.58)]]),
}  # fmt: skip
CARTOON_BEHIND = {
    "long": [(0, -0.76), (0.44, -0.68), (0.62, -0.3), (0.63, 0.3), (0.62, 0.76), (0.4, 0.82),
             (0, 0.76)],
    "wavy": [(0, -0.76), (0.46, -0.68), (0.66, -0.36), (0.6, -0.02), (0.74, 0.28), (0.62, 0.5),
             (0.72, 0.76), (0.4, 0.82), (0, 0.76)],
    "bob": [(0, -0.76), (0.44, -0.69), (0.62, -0.3), (0.66, 0.2), (0.62, 0.46), (0.4, 0.5),
            (0, 0.5)],
    "afro": [(0, -0.93), (0.46, -0.83), (0.74, -0.48), (0.78, -0.05), (0.62, 0.26), (0.3, 0.4),
             (0, 0.4)],
}  # fmt: skip
# Cartoon hair styles: over the forehead and behind.  Who wears a short one may grow a beard.
SHORT_STYLES = (
    ("bald", None), ("buzz", None), ("short", None), ("side", None), ("quiff", None),
    ("spiky", None), ("curls", None), ("buzz", "afro"),
)  # fmt: skip
LONG_STYLES = (
    ("centre", "long"), ("bangs", "long"), ("centre", "wavy"), ("side", "wavy"), ("side", "long"),
    ("bangs", "bob"), ("side", "bob"), ("centre", "curls"), ("curls", "curls"), ("short", "afro"),
    ("centre", "pigtails"), ("bangs", "pigtails"), ("side", "tail"), ("bangs", "tail"),
    ("drawn back", "bun"), ("centre", "bun"), ("drawn back", "tail"),
)  # fmt: skip


def cartoon_hair_behind(rng: Rng, kind: str) -> list[Array]:
    """Return the shapes of the hair behind a cartoon head."""
    if kind in CARTOON_BEHIND:
        return [mirrored(np.multiply(CARTOON_BEHIND[kind], [1, rng.uniform(0.92, 1.02)]))]
    if kind == "curls":
        ends = rng.uniform(0.56, 0.66, 6)
        return [both(ring(x, 0.2 * i - 0.5, 0.16, 0.15)) for i, x in enumerate(ends)]
    if kind == "bun":
        return [ring(0, -0.8, rng.uniform(0.17, 0.26), 0.17)]
    y, drop = rng.uniform(-0.3, 0.1), rng.uniform(0.45, 0.7)
    if kind == "pigtails":
        line = [(0.48, y), (0.62, y - 0.06), (0.69, y + 0.25), (0.64, y + drop)]
        return [both(ribbon(line, [0.12, 0.24, 0.28, 0.05]))]
    return [ribbon([(0.3, -0.66), (0.6, -0.6), (0.67, -0.1), (0.6, drop)], [0.16, 0.28, 0.3, 0.04])]


def cartoon_hair_over(rng: Rng, kind: str) -> list[Array]:
    """Return the shapes of the hair over a cartoon forehead."""
    if kind in COMBED:
        return [smooth(COMBED[kind])]
    shapes = [mirrored(CARTOON_OVER.get(kind, CARTOON_OVER["short"]))]
    angles = np.linspace(-1.35, 1.35, 9)
    out = np.stack([np.sin(angles), -np.cos(angles)], axis=1)  # [9, 2]
    if kind == "curls":
        sizes = rng.uniform(0.13, 0.18, 9)
        shapes += [ring(x, y, r, r) for (x, y), r in zip(out * 0.5 - [0, 0.2], sizes, strict=True)]
    elif kind == "spiky":
        tips = out * rng.uniform(0.64, 0.76, (9, 1)) + [rng.uniform(-0.15, 0.15), 0]
        lines = np.stack([out * 0.4, out * 0.5, tips], axis=1) - [0, 0.18]
        shapes.append(ribbon(lines, [0.3, 0.24, 0]))
    return shapes


def paint_facial_hair(rng: Rng, canvas: Canvas, hair: Colour, face: Array) -> None:
    """Paint stubble, a beard, a goatee or a moustache."""
    kind = pick(rng, ("stubble", "beard", "long beard", "goatee", "moustache"))
    if kind in ("goatee", "moustache"):
        if kind == "goatee":
            canvas.fill(ring(0, 0.6, rng.uniform(0.12, 0.2), 0.12), hair, INK, 0.012)
        half = [(-0.02, 0.29), (0.12, 0.29), (0.26, rng.uniform(0.32, 0.42))]
        canvas.stroke(both(half), [0.09, 0.1, 0], hair, INK)
        return
    low = face[(face[:, 1] > 0.06) & (face[:, 0] >= 0)] * [1, 1.02]  # down the right side
    if kind == "long beard":
        low[:, 1] += 0.6 * np.maximum(low[:, 1] - 0.4, 0)
    edge = [(0, 0.3), (0.24, 0.3), (0.36, 0.28), (low[0, 0] - 0.08, 0.1)]
    half = np.concatenate([edge, low])
    shape = np.concatenate([half, half[::-1] * [-1, 1]])
    if kind == "stubble":
        canvas.fill(shape, (*hair, 90))
    else:
        canvas.fill(shape, hair, INK, 0.012)


def paint_cartoon_eyes(rng: Rng, canvas: Canvas, skin: Colour, lashes: bool) -> None:
    """Paint both eyes and their lids."""
    apart, wide, high = rng.uniform(0.21, 0.25), rng.uniform(0.11, 0.14), rng.uniform(0.1, 0.14)
    iris, lid = tone(rng, CARTOON_EYES), mix(skin, INK, 0.16)
    gaze, size = rng.uniform(-0.02, 0.02), rng.uniform(0.65, 0.85) * high
    kind, fall = int(rng.random() * 9), rng.uniform(0.15, 0.8)
    for x in (-apart, apart):
        out = wide if x > 0 else -wide
        if kind == 0:  # closed, smiling
            canvas.stroke([(x - wide, 0.03), (x, -0.08), (x + wide, 0.03)], [0.03, 0.05, 0.03], INK)
        elif kind == 1:  # mere dots
            canvas.fill(ring(x, 0, 0.065, 0.08), INK)
            canvas.fill(ring(x - 0.02, -0.03, 0.025, 0.025), WHITE)
        else:
            canvas.fill(ring(x, 0, wide, high), WHITE, INK, 0.012)
            canvas.fill(ring(x + gaze, 0.01, size, size), iris)
            canvas.fill(ring(x + gaze, 0.01, size * 0.55, size * 0.55), (24, 18, 24))
            canvas.fill(ring(x + gaze - 0.03, -0.03, 0.026, 0.026), WHITE)
            top = ring(x, 0, wide * 1.04, high * 1.04)
            top[:, 1] = np.minimum(top[:, 1], -high * fall)
            canvas.fill(top, lid, INK, 0.014)
        if lashes:
            lash = [(x - out, -0.03), (x, -high), (x + 1.35 * out, -0.07)]
            canvas.stroke(lash, [0, 0.05, 0], INK)


def paint_cartoon_mouth(rng: Rng, canvas: Canvas) -> None:
    """Paint a mouth: a line, a grin of teeth, or open with teeth and tongue."""
    kind, wide, y = int(rng.random() * 8), rng.uniform(0.12, 0.22), 0.4
    bow = rng.uniform(0.03, 0.1)
    if kind < 4:
        bow, tilt = (bow, bow, 0.0, -0.03)[kind], rng.uniform(-0.02, 0.02)
        line = [(-wide, y - bow / 2 + tilt), (0, y + bow), (wide, y - bow / 2 - tilt)]
        canvas.stroke(line, [0.025, 0.045, 0.025], (110, 40, 44))
        return
    drop = rng.uniform(0.1, 0.17)
    shape = mirrored([(0, 0.0), (1, -0.03), (0.7, drop * 0.7), (0, drop)]) * [wide, 1] + [0, y]
    canvas.fill(shape, WHITE if kind == 4 else (130, 34, 44), INK, 0.012)
    if kind > 4:
        canvas.fill(ring(0, y + drop * 0.74, wide * 0.45, drop * 0.22), (232, 104, 104))
    if kind > 5:
        canvas.fill(shape * [0.9, 0.3] + [0, 0.7 * y + 0.01], WHITE)


def paint_glasses(rng: Rng, canvas: Canvas, face: float) -> None:
    """Paint glasses, round or square, clear or tinted, on a face of that half width."""
    frame, lens = pick(rng, FRAMES), pick(rng, LENSES)
    shape = CIRCLE if rng.random() < 0.5 else np.clip(CIRCLE * 1.25, -1, 1)
    canvas.fill(both([(0.3, -0.04), (face, -0.06), (face, -0.02), (0.3, 0.0)]), frame)
    canvas.stroke([(-0.08, 0), (0, -0.04), (0.08, 0)], [0.035] * 3, frame)
    size = rng.uniform(0.17, 0.2), rng.uniform(0.14, 0.18)
    canvas.fill(both(shape * size + [0.24, 0.01]), lens, frame, 0.02)


def paint_cartoon_features(rng: Rng, canvas: Canvas, skin: Colour, hair: Colour, lashes: bool):
    """Paint blush, eyes, brows, nose and mouth."""
    if rng.random() < 0.4:
        canvas.fill(both(ring(0.33, 0.24, 0.1, 0.07)), (*RED, 70))
    paint_cartoon_eyes(rng, canvas, skin, lashes)
    lift, slope, thick = rng.uniform(-0.04, 0.03), rng.uniform(-0.04, 0.04), rng.uniform(0.03, 0.07)
    brow = [(0.1, -0.21 + lift + slope), (0.22, -0.26 + lift), (0.38, -0.2 + lift - slope / 2)]
    canvas.stroke(both(brow), [thick, thick, 0.02], mix(hair, INK, 0.5))
    noses = [(-0.07, 0.18), (0, 0.24), (0.07, 0.18)], [(0.0, 0.04), (0.07, 0.2), (-0.04, 0.22)]
    canvas.stroke(pick(rng, noses), [0.02, 0.04, 0.02], mix(skin, (90, 30, 30), 0.6))
    paint_cartoon_mouth(rng, canvas)


def paint_cartoon(rng: Rng, size: int) -> Image.Image:
    """Draw a flat avatar on white on a canvas of that size."""
    canvas = Canvas(size, 0, rng.uniform(0.95, 1.04), (0, 0.07))
    skin, hair = jitter(rng, pick(rng, CARTOON_SKIN), 6), jitter(rng, pick(rng, CARTOON_HAIR), 10)
    if np.abs(np.subtract(skin, hair)).sum() < 80:  # the hair must stand out
        hair = mix(hair, INK, 0.6)
    is_long = rng.random() < 0.5
    over, behind = pick(rng, LONG_STYLES if is_long else SHORT_STYLES)
    wide, jaw, chin = rng.uniform(0.49, 0.57), rng.uniform(0.33, 0.48), rng.uniform(0.08, 0.24)
    fit = [wide / 0.5 * pick(rng, (1, -1)), 1]
    if behind:
        dark = mix(hair, INK, 0 if behind == "afro" else 0.2)
        canvas.fill([s * fit for s in cartoon_hair_behind(rng, behind)], dark, INK, 0.02)
    canvas.fill(both(ring(wide, 0.06, 0.1, 0.13)), skin, INK, 0.02)
    canvas.fill(both(ring(wide + 0.02, 0.06, 0.05, 0.08)), mix(skin, (130, 50, 40), 0.3))
    side = [(wide, -0.12), (wide, 0.2), (jaw, 0.52), (chin, 0.66)]
    face = mirrored([(0, -0.62), (0.36, -0.52), *side])
    canvas.fill(face, skin, INK, 0.02)
    if not is_long and rng.random() < 0.45:
        paint_facial_hair(rng, canvas, mix(hair, INK, 0.1), face)
    paint_cartoon_features(rng, canvas, skin, hair, is_long and rng.random() < 0.8)
    if over != "bald":
        line = None if behind == "afro" else INK
        canvas.fill([s * fit for s in cartoon_hair_over(rng, over)], hair, line, 0.02)
    if over in STRANDS:
        canvas.stroke(STRANDS[over] * fit, [0, 0.03, 0], mix(hair, INK, 0.45))
    if rng.random() < 0.35:
        paint_glasses(rng, canvas, wide)
    return canvas.image


PAINTERS = {"anime": paint_anime, "cartoon": paint_cartoon}


def draw_faces(count: int, seed: int = 0, style: str = "anime", size: int = 64) -> Array:
    """Draw faces of people who do not exist.

    Face i depends on (seed, i, style) alone: fewer faces, or another size, show the same people.

    Args:
        count: how many faces, at least 0.
        seed: any integer from 0.
        style: one of STYLES.
        size: side of the images in pixels, at least 16.

    Returns:
        uint8 [count, size, size, 3] with values 0 to 255.

    Raises:
        ValueError: an unknown style, count < 0, seed < 0 or size < 16.
    """
    if style not in STYLES:
        raise ValueError(f"style must be one of {STYLES}, got {style!r}")
    for name, value, least in (("count", count, 0), ("seed", seed, 0), ("size", size, 16)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
    faces = np.empty((count, size, size, 3), np.uint8)
    scale = max(3, -(-256 // size))  # drawn larger, then averaged: smooth edges
    for i in range(count):
        rng = np.random.default_rng([seed, i, STYLES.index(style)])
        faces[i] = PAINTERS[style](rng, size * scale).reduce(scale)
    return faces
