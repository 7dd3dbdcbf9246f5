"""A procedural city, drawn twice: as a street map and as an aerial photograph.

Each scene is laid out once, in unit coordinates (x to the right, y down, the frame is the unit
square), then painted twice:

    lay_out(rng) -> Scene;   paint_map(scene), flat colours;   paint_aerial(scene), a "photograph"

Streets, water, parks and buildings therefore align exactly, while roofs, cars, trees, shadows and
light exist in the photograph only.  Lines and polygons are float arrays [points, 2].

All machines draw the same: chance is uniform numbers alone, and what comes of sines is rounded
before anything is decided by it.
"""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Array = np.ndarray
Rng = np.random.Generator
Draw = ImageDraw.ImageDraw


class Block(NamedTuple):
    """What fills a city block: its ground and the buildings on it."""

    ground: str
    lot: float = 0.0  # frontage of one building; 0 leaves the block open
    depth: float = 0.0
    fill: float = 0.0  # share of the frontage that is built on
    height: float = 0.0  # length of the shadow
    gabled: bool = False


class Street(NamedTuple):
    """A line of some width: path, street, road or motorway (one Street per carriageway)."""

    kind: str
    width: float
    line: Array


class Buildings(NamedTuple):
    """The n buildings of one block."""

    quads: Array  # [n, 4, 2]
    heights: Array  # [n]
    gabled: bool


class Scene(NamedTuple):
    """One layout: all that the two renderings share."""

    lots: list[tuple[str, Array]]  # (ground, polygon)
    streets: list[Street]
    water: list[Array]
    bridges: tuple[str, ...]  # kinds of street that cross water, the others end there
    buildings: list[Buildings]


BLOCKS = {
    "houses": Block("lawn", 0.052, 0.055, 0.75, 0.012, True),
    "villas": Block("lawn", 0.085, 0.07, 0.6, 0.014, True),
    "terrace": Block("yard", 0.033, 0.06, 1.0, 0.016),
    "offices": Block("paved", 0.085, 0.085, 0.95, 0.04),
    "sheds": Block("paved", 0.17, 0.12, 0.88, 0.014),
    "slabs": Block("lawn", 0.12, 0.055, 0.75, 0.032),
    "park": Block("park"),
    "pitch": Block("pitch"),
    "car park": Block("car park"),
    "field": Block("field"),
}
# Kinds of city: size of a block, how much its streets curve, mix of blocks.
DISTRICTS = (
    ((0.42, 0.19), 0.05, {"houses": 9, "villas": 2, "park": 1, "pitch": 0.4}),
    ((0.50, 0.26), 0.08, {"villas": 7, "houses": 2, "park": 2, "field": 1}),
    ((0.36, 0.19), 0.01, {"terrace": 9, "offices": 1.5, "park": 0.8, "car park": 0.5}),
    ((0.28, 0.24), 0.00, {"offices": 8, "terrace": 2, "park": 1, "car park": 1}),
    ((0.44, 0.36), 0.02, {"sheds": 7, "car park": 2.5, "offices": 1, "field": 0.6}),
    ((0.38, 0.30), 0.03, {"slabs": 6, "terrace": 1.5, "park": 1.5, "pitch": 0.8}),
    ((0.50, 0.40), 0.06, {"field": 5, "villas": 2.5, "park": 1.5, "sheds": 0.6}),
)
MAP_COLOURS = {
    "ground": (235, 231, 224),
    "building": (219, 213, 204),
    "park": (200, 224, 174),
    "pitch": (181, 214, 158),
    "field": (241, 236, 214),
    "car park": (226, 224, 222),
    "water": (163, 204, 255),
    "path": (240, 243, 228),
    "street": (255, 255, 255),
    "road": (255, 225, 120),
    "road casing": (238, 196, 88),
    "motorway": (252, 160, 48),
    "motorway casing": (222, 124, 24),
}
# Colours of the photograph.  The fourth number says how rough the surface is: it scales the
# noise that is added once everything is drawn.
GROUND = {
    "lawn": (90, 104, 62, 150),
    "yard": (106, 103, 90, 170),
    "paved": (128, 125, 119, 90),
    "park": (80, 102, 54, 190),
    "verge": (98, 108, 68, 150),
    "pitch": (94, 130, 68, 60),
    "car park": (94, 94, 96, 60),
    "field": (130, 122, 80, 130),
}
ASPHALT = {
    "path": (158, 148, 124, 70),
    "street": (96, 97, 99, 55),
    "road": (86, 87, 90, 45),
    "motorway": (108, 107, 106, 45),
}
ROOFS = np.array([
    (206, 204, 198, 40), (178, 176, 172, 40), (140, 138, 136, 50), (98, 97, 99, 50),
    (70, 70, 74, 50), (122, 92, 76, 50), (142, 82, 62, 50), (158, 132, 104, 50),
    (112, 104, 92, 50), (96, 112, 128, 40),
])  # fmt: skip
CARS = np.array([
    (226, 226, 226, 20), (176, 178, 182, 20), (44, 46, 50, 20), (28, 28, 32, 20),
    (154, 46, 40, 20), (50, 74, 120, 20),
])  # fmt: skip
# The chance of a tree, out of 255; none grows on streets, water or buildings.
TREES = dict(zip(GROUND, (74, 46, 9, 120, 140, 2, 5, 3), strict=True))
CORNERS = np.array([(0, 1, 1, 0), (0, 0, 1, 1)])  # x and y of the unit square's corners


# ---------------------------------------------------------------------------------- geometry


def heading(angle: float) -> Array:
    """Return the unit vector [2] of an angle; rounded, so that all machines agree on it."""
    return np.array([round(math.cos(angle), 6), round(math.sin(angle), 6)])


def left(vectors: Array) -> Array:
    """Turn vectors [..., 2] by a right angle."""
    return np.stack([-vectors[..., 1], vectors[..., 0]], axis=-1)


def offset(line: Array, distance: float | Array) -> Array:
    """Shift a line [n, 2] sideways by one distance, or by one per point [n, 1]."""
    ahead = np.gradient(line, axis=0)
    return line + distance * left(ahead) / np.sqrt((ahead**2).sum(1, keepdims=True) + 1e-12)


def ribbon(line: Array, width: float | Array) -> Array:
    """Return the polygon [2n, 2] covered by a line [n, 2] of some width."""
    return np.concatenate([offset(line, width / 2), offset(line, -width / 2)[::-1]])


def inside(quads: Array, s: Array, t: Array) -> Array:
    """Return points [..., k, 2] at fractions s, t [..., k] of the sides of quads [..., 4, 2]."""
    a, b, c, d = (quads[..., i, None, :] for i in range(4))
    s, t = s[..., None], t[..., None]
    return (a * (1 - s) + b * s) * (1 - t) + (d * (1 - s) + c * s) * t


def in_sight(polygons: Array) -> Array:
    """Tell which polygons [..., k, 2] may reach into the frame: bool [...]."""
    return ((polygons.max(-2) > 0) & (polygons.min(-2) < 1)).all(-1)


def swept(polygons: Array, shift: Array) -> Array:
    """Return what convex polygons [n, k, 2] cover while moving by shifts [n, 2]: [n, 2k, 2]."""
    shift = shift[:, None, :]
    edges = np.roll(polygons, -1, axis=1) - polygons
    leads = (left(edges) * shift).sum(-1, keepdims=True) < 0  # [n, k, 1]: the edge goes in front
    ends = [polygons + np.roll(leads, 1, axis=1) * shift, polygons + leads * shift]
    return np.stack(ends, axis=2).reshape(len(polygons), 2 * polygons.shape[1], 2)


def walk(line: Array, step: float) -> tuple[Array, Array]:
    """Return points and headings, both [n, 2], every `step` of a line, within the frame."""
    legs = np.diff(line, axis=0)
    lengths = np.sqrt((legs**2).sum(1))
    ends = np.cumsum(lengths)
    places = np.arange(step / 2, ends[-1], step)
    leg = np.searchsorted(ends, places)
    ahead = legs[leg] / lengths[leg, None]
    points = line[leg + 1] - (ends[leg] - places)[:, None] * ahead
    seen = ((points > -0.02) & (points < 1.02)).all(1)
    return points[seen], ahead[seen]


def bars(points: Array, ahead: Array, length: float, width: float) -> Array:
    """Return a rectangle [n, 4, 2] around each point, its long side along the heading."""
    long, wide = ahead * length / 2, left(ahead) * width / 2
    sides = [-long - wide, long - wide, long + wide, wide - long]
    return np.stack([points + side for side in sides], axis=1)


# ------------------------------------------------------------------------------------ layout


def cuts(rng: Rng, low: float, high: float, step: float) -> Array:
    """Cut [low, high] into n irregular pieces of about `step`; return the edges [n + 1]."""
    pieces = rng.uniform(0.7, 1.3, max(1, round((high - low) / step)))
    return low + (high - low) * np.concatenate([[0.0], np.cumsum(pieces) / pieces.sum()])


def curve(rng: Rng, bend: float, spread: float) -> Array:
    """Return a long smooth line [81, 2] across the frame, within `spread` of its centre."""
    ahead = heading(rng.uniform(0, 2 * math.pi))
    t = np.linspace(-1.3, 1.3, 81)[:, None]
    wave = bend * np.sin(t * rng.uniform(1.5, 4.5) + rng.uniform(0, 6))
    aside = wave - wave[40] + rng.uniform(-spread, spread)
    return np.round(0.5 + t * ahead + aside * left(ahead), 5)


def make_warp(rng: Rng, strength: float) -> Callable[[Array], Array]:
    """Return the map from the city's own straight coordinates to the frame: bent and turned."""
    across = heading(rng.uniform(0, 2 * math.pi))
    frequency, phase = rng.uniform(3, 7, 2), rng.uniform(0, 6, 2)
    strength *= rng.uniform(0.3, 1.2)

    def warp(points: Array) -> Array:
        bent = points + strength * np.sin(points[..., ::-1] * frequency + phase)
        return np.round(0.5 + bent[..., :1] * across + bent[..., 1:] * left(across), 5)

    return warp


def lay_grid(rng: Rng, scene: Scene) -> None:
    """Add avenues, the cross streets between them, and the blocks between those."""
    size, bend, mix = DISTRICTS[rng.integers(len(DISTRICTS))]
    warp = make_warp(rng, bend)
    wide, high = np.array(size) * rng.uniform(0.8, 1.25)
    street = rng.uniform(0.02, 0.032)
    columns, shared = cuts(rng, -1, 1, wide), cuts(rng, -1, 1, high)
    staggered = rng.random() < 0.4
    is_road = rng.random(len(columns)) < rng.choice([0.0, 0.25, 0.6])
    half = np.where(is_road, 0.75, 0.5) * street
    weights = np.array(list(mix.values()))
    for i, u in enumerate(columns):
        line = warp(np.stack([np.full(41, u), np.linspace(-1, 1, 41)], axis=1))
        scene.streets.append(Street("road" if is_road[i] else "street", 2 * half[i], line))
        if u == columns[-1]:
            break
        rows = cuts(rng, -1, 1, high) if staggered else shared
        rows = rows[rng.random(len(rows)) > 0.12]  # a street left out makes a larger block
        for v in rows:
            line = warp(np.stack([np.linspace(u, columns[i + 1], 13), np.full(13, v)], axis=1))
            scene.streets.append(Street("street", street * rng.uniform(0.7, 1), line))
        for v0, v1 in itertools.pairwise(rows):
            kind = BLOCKS[rng.choice(list(mix), p=weights / weights.sum())]
            box = [u + 1.5 * half[i], v0 + 0.75 * street]
            box += [columns[i + 1] - 1.5 * half[i + 1], v1 - 0.75 * street]
            lay_block(rng, kind, np.array(box), warp, scene)


def lay_block(rng: Rng, block: Block, box: Array, warp: Callable, scene: Scene) -> None:
    """Add the ground of one block (box: u0, v0, u1, v1) and its buildings, or paths in a park."""
    quad = warp(box[CORNERS.T * 2 + [0, 1]])  # [4, 2]
    if not in_sight(quad):
        return
    scene.lots.append((block.ground, quad))
    if block.ground == "park":
        t = np.linspace(0, 1, 15)
        bent = t + rng.uniform(-0.9, 0.9) * t * (1 - t)
        paths = inside(quad, t, bent), inside(quad, 1 - bent, t)
        scene.streets.extend(Street("path", 0.009, path) for path in paths)
    if block.lot:
        boxes = lay_buildings(rng, block, box)  # [n, 4]
        heights = block.height * rng.uniform(0.7, 1.6, len(boxes))
        quads = warp(boxes[:, CORNERS.T * 2 + [0, 1]])  # [n, 4, 2]
        scene.buildings.append(Buildings(quads, heights, block.gabled))


def lay_buildings(rng: Rng, block: Block, box: Array) -> Array:
    """Fill a box (u0, v0, u1, v1) with rows of buildings; return their boxes [n, 4]."""
    u0, v0, u1, v1 = box
    if u1 - u0 < v1 - v0:  # rows run along the longer side
        return lay_buildings(rng, block, box[[1, 0, 3, 2]])[:, [1, 0, 3, 2]]
    depth = min(block.depth, v1 - v0)
    built = []
    for start in np.linspace(v0, v1 - depth, max(1, int((v1 - v0) / (depth * 1.15)))):
        edges = cuts(rng, u0, u1, block.lot)
        n = len(edges) - 1
        width = np.diff(edges) * block.fill * rng.uniform(0.8 if block.fill < 1 else 1, 1, n)
        west = edges[:-1] + (np.diff(edges) - width) * rng.uniform(0.3, 0.7, n)
        north = start + depth * rng.uniform(0, 0.1, n)
        south = north + depth * rng.uniform(0.65, 0.9, n)
        boxes = np.stack([west, north, west + width, south], axis=1)[rng.random(n) > 0.07]
        wings = boxes[rng.random(len(boxes)) < 0.3]  # make a letter L of some
        wings = np.stack([wings[:, 0], wings[:, 3], wings[:, ::2].mean(1), wings[:, 3]], axis=1)
        built += [boxes, wings + [0, 0, 0, 0.18 * depth]]
    return np.concatenate(built)


def lay_water(rng: Rng, kind: str, scene: Scene) -> None:
    """Add a river, coast or lake, and often a park along it."""
    line, strip = curve(rng, 0.14, 0.25), rng.uniform(0.03, 0.09)
    if kind == "river":
        width = rng.uniform(0.07, 0.22) * (1 + 0.2 * np.sin(np.linspace(0, 9, 81)[:, None]))
        water, park = ribbon(line, width), ribbon(line, width + 2 * strip)
    elif kind == "coast":
        far = 3 * left(line[-1] - line[0])
        water, park = np.concatenate([line, [line[-1] + far, line[0] + far]]), ribbon(line, strip)
    else:
        angle, phase = np.linspace(0, 2 * math.pi, 64)[:-1], rng.uniform(0, 6, 2)
        radius = 1 + 0.22 * np.sin(2 * angle + phase[0]) + 0.1 * np.sin(3 * angle + phase[1])
        shore = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        centre, reach = rng.uniform(0.2, 0.8, 2), rng.uniform(0.13, 0.26)
        water, park = centre + reach * shore, centre + (reach + strip) * shore
    scene.water.append(np.round(water, 5))
    if rng.random() < 0.6:
        scene.lots.append(("park", np.round(park, 5)))


def lay_out(rng: Rng) -> Scene:
    """Invent a scene: a district, whatever cuts through it, and the buildings left standing."""
    kind = rng.choice(["land", "river", "coast", "lake"], p=[0.5, 0.22, 0.16, 0.12])
    scene = Scene([], [], [], ("road", "motorway") if kind == "river" else ("motorway",), [])
    lay_grid(rng, scene)
    if rng.random() < 0.35:
        scene.streets.append(Street("road", rng.uniform(0.03, 0.042), curve(rng, 0.12, 0.3)))
    if kind != "land":
        lay_water(rng, kind, scene)
    if rng.random() < 0.28:
        line = curve(rng, 0.14, 0.3)
        scene.lots.append(("verge", ribbon(line, 0.12)))
        for side in (-0.024, 0.024):
            scene.streets.append(Street("motorway", 0.034, offset(line, side)))
    seen = [street for street in scene.streets if in_sight(street.line)]
    seen.sort(key=lambda street: list(ASPHALT).index(street.kind))  # larger ones are drawn last
    scene = scene._replace(streets=seen)
    free = tree_chances(scene, built=False)
    t, s = (grid.ravel() for grid in np.meshgrid(*[np.linspace(0, 1, 5)] * 2))
    standing = []
    for quads, heights, gabled in scene.buildings:
        under = look_up(free, inside(quads, s, t))  # [n, 25]
        fits = ((under > 0) & (under < TREES["park"])).all(1) & in_sight(quads)
        if fits.any():
            standing.append(Buildings(quads[fits], heights[fits], gabled))
    return scene._replace(buildings=standing)


def tree_chances(scene: Scene, built: bool = True) -> Array:
    """Return the chance of a tree at each place, uint8 [512, 512]: 0 on streets and water."""
    image = Image.new("L", (512, 512), TREES["yard"])
    draw = ImageDraw.Draw(image)
    for kind, polygon in scene.lots:
        fill(draw, polygon, TREES[kind])
    for kind, width, line in scene.streets:
        fill(draw, ribbon(line, width * (1 if kind == "path" else 1.3)), 0)
    for polygon in scene.water:
        fill(draw, polygon, 0)
    for group in scene.buildings if built else ():
        fill(draw, group.quads, 0)
    return np.array(image)


def look_up(image: Array, points: Array) -> Array:
    """Return the values [...] of a square image at points [..., 2], or those at its edge."""
    x, y = np.moveaxis(np.clip(points * len(image), 0, len(image) - 1).astype(int), -1, 0)
    return image[y, x]


# ---------------------------------------------------------------------------------- painting


def fill(draw: Draw, polygons: Array, colours: Array | tuple | int) -> None:
    """Fill polygons [n, k, 2], or one [k, 2], with one colour or with one each [n, bands]."""
    k = polygons.shape[-2]
    flat = np.rint(polygons * draw.im.size[0]).reshape(-1, 2 * k).tolist()
    colours = np.broadcast_to(np.array(colours, int), (len(flat), len(draw.mode))).tolist()
    for points, colour in zip(flat, colours, strict=True):
        draw.polygon(points, fill=tuple(colour))


def shade(colours: Array, factor: Array | float) -> Array:
    """Scale the brightness of aerial colours [n, 4], by one factor or by one each: uint8 [n, 4]."""
    scale = np.ones(colours.shape)
    scale[:, :3] = np.reshape(factor, (-1, 1))
    return np.clip(colours * scale, 0, 255).astype(np.uint8)


def paint_map(scene: Scene, size: int, scale: int) -> Array:
    """Draw the street map, uint8 [size, size, 3], in flat colours."""
    image = Image.new("RGB", (size * scale, size * scale), MAP_COLOURS["ground"])
    draw = ImageDraw.Draw(image)

    def paint_streets(streets: list[Street]) -> None:
        for casing, margin in ((" casing", 0.006), ("", 0.0)):
            for kind, width, line in streets:
                if kind + casing in MAP_COLOURS:
                    fill(draw, ribbon(line, width + margin), MAP_COLOURS[kind + casing])

    for kind, polygon in scene.lots:
        fill(draw, polygon, MAP_COLOURS.get(kind, MAP_COLOURS["ground"]))
    for group in scene.buildings:
        fill(draw, group.quads, MAP_COLOURS["building"])
    paint_streets([s for s in scene.streets if s.kind not in scene.bridges])
    for polygon in scene.water:
        fill(draw, polygon, MAP_COLOURS["water"])
    paint_streets([s for s in scene.streets if s.kind in scene.bridges])
    return np.array(image.reduce(scale))


def noise(rng: Rng, cells: int, size: int) -> Array:
    """Return smooth noise of about -1 to 1, float32 [size, size], with `cells` bumps a side."""
    grid = Image.fromarray(rng.random((cells, cells), dtype=np.float32) * 2 - 1)
    return np.array(grid.resize((size, size), Image.Resampling.BICUBIC))


def paint_lots(draw: Draw, rng: Rng, lots: list[tuple[str, Array]]) -> None:
    """Draw the ground of each lot, with furrows, pitch lines or parked cars."""
    for kind, polygon in lots:
        base = shade(np.array([GROUND[kind]]), rng.uniform(0.88, 1.12))
        if kind == "field":  # from straw to green
            base = np.clip(base + rng.uniform(-1, 1) * np.array([30, 4, 8, 0]), 0, 255)
        fill(draw, polygon, base)
        if kind == "field":
            start = np.linspace(0, 0.95, int(rng.integers(8, 22)))[:, None]
            furrows = inside(polygon, start + 0.02 * CORNERS[0], 0 * start + CORNERS[1])
            fill(draw, furrows, shade(base, 0.88))
        elif kind == "pitch":
            for margin, colour in ((0.1, (190, 200, 180, 40)), (0.12, base)):
                s, t = margin + (1 - 2 * margin) * CORNERS
                fill(draw, inside(polygon, s, t), colour)
        elif kind == "car park":
            across, down = polygon[1] - polygon[0], polygon[3] - polygon[0]
            wide, high = math.hypot(*across), math.hypot(*down)
            for row, t in enumerate(np.arange(0.02, high - 0.01, 0.017) / high):
                s = np.arange(0.015, wide - 0.015, 0.0095) / wide
                s = s[rng.random(len(s)) < (rng.uniform(0.3, 0.9) if row % 3 else 0)]
                paint_cars(draw, rng, inside(polygon, s, 0 * s + t), 0 * s[:, None] + down / high)


def paint_cars(draw: Draw, rng: Rng, spots: Array, ahead: Array) -> None:
    """Draw a car at each spot [n, 2] along its heading [n, 2], on a dark rim of shadow."""
    fill(draw, bars(spots + 0.001, ahead, 0.0145, 0.0078), (52, 52, 56, 30))
    fill(draw, bars(spots, ahead, 0.0132, 0.0064), CARS[rng.integers(len(CARS), size=len(spots))])


def paint_streets(draw: Draw, rng: Rng, streets: list[Street]) -> None:
    """Draw pavements, asphalt, then lane lines and cars."""
    for kind, width, line in streets:
        if kind != "path":
            fill(draw, ribbon(line, width * 1.3), (136, 133, 126, 70))
    for kind, width, line in streets:
        fill(draw, ribbon(line, width), ASPHALT[kind])
    lanes = {"path": [], "street": [0], "road": [0], "motorway": [-0.17, 0.17]}
    for kind, width, line in streets:
        white = (140, 140, 136, 40) if kind == "street" else (184, 183, 172, 40)
        for lane in lanes[kind]:
            spots, ahead = walk(offset(line, lane * width), 0.022)
            fill(draw, bars(spots, ahead, 0.011, 0.0022), white)
        for track in [-0.34, 0.34] * (kind != "path") + [0] * (kind == "motorway"):
            spots, ahead = walk(offset(line, track * width), 0.0185)
            taken = rng.random(len(spots)) < rng.uniform(0.05, 0.3)
            paint_cars(draw, rng, spots[taken], ahead[taken])


def paint_water(image: Image.Image, rng: Rng, polygons: list[Array]) -> None:
    """Draw water, paler along the shore and over shoals."""
    mask = Image.new("L", image.size)
    for polygon in polygons:
        fill(ImageDraw.Draw(mask), polygon, 255)
    blurred = mask.resize((256, 256)).filter(ImageFilter.GaussianBlur(rng.uniform(5, 14)))
    depth = np.array(blurred, np.float32) / 255 * 1.8 - 0.8 + 0.25 * noise(rng, 7, 256)
    shallow, deep = np.array([74, 98, 92]), np.array([28, 52, 64]) + rng.uniform(-8, 14, 3)
    colour = shallow + (deep - shallow) * np.clip(depth, 0, 1)[..., None]  # [256, 256, 3]
    colour = colour + 3 * noise(rng, 90, 256)[..., None]
    water = Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8)).resize(image.size)
    image.paste(Image.merge("RGBX", [*water.split(), Image.new("L", image.size, 14)]), mask=mask)


def paint_roofs(draw: Draw, rng: Rng, group: Buildings, away: Array, favour: Array) -> None:
    """Draw roofs: gables lit from one side, or flat ones with a parapet and machinery."""
    quads, n = group.quads, len(group.quads)
    base = shade(ROOFS[rng.choice(len(ROOFS), n, p=favour)], rng.uniform(0.85, 1.15, n))
    if group.gabled:
        lit = (((quads[:, 0] - quads[:, 3]) * away).sum(1) < 0)[:, None, None]  # the first half
        quads = np.where(lit, np.roll(quads, 2, axis=1), quads)
        fill(draw, quads, shade(base, 1.12))
        fill(draw, inside(quads, CORNERS[0], CORNERS[1] / 2), shade(base, 0.74))
        return
    fill(draw, quads, shade(base, 0.76))
    fill(draw, inside(quads, *(0.08 + 0.84 * CORNERS)), base)
    for _ in range(3):
        low, side = rng.uniform(0.12, 0.65, (2, n, 1)), rng.uniform(0.08, 0.22, (2, n, 1))
        s, t = low + side * CORNERS[:, None]  # [n, 4] each
        fill(draw, inside(quads, s, t), shade(base, rng.choice([0.7, 0.85, 1.15, 1.3], n)))


def paint_trees(draw: Draw, dark: Draw, rng: Rng, away: Array, chances: Array) -> None:
    """Draw trees: irregular octagons with a shadow, lighter on the side of the sun."""
    spots = rng.random((int(rng.uniform(1500, 6000)), 2))
    spots = spots[rng.random(len(spots)) * 255 < look_up(chances, spots)]
    n = len(spots)
    radius = rng.uniform(0.006, 0.013, (n, 1, 1))
    ring = np.array([heading(turn * math.pi / 4) for turn in range(8)])
    crowns = radius * ring * rng.uniform(0.8, 1.2, (n, 8, 1))  # [n, 8, 2]
    tops = spots[:, None] + crowns * 0.6 - radius * 0.25 * away
    crowns += spots[:, None]
    green = np.array([52, 70, 36, 200]) + rng.uniform(-10, 10, (n, 1)) * [1, 1, 0.5, 0]
    fill(dark, swept(crowns, radius[:, 0] * 0.9 * away), 255)
    fill(dark, crowns, 0)
    fill(draw, crowns, shade(green, 0.8))
    fill(draw, tops, shade(green, 1.25))


def paint_aerial(scene: Scene, rng: Rng, size: int, scale: int) -> Array:
    """Draw the photograph, uint8 [size, size, 3]."""
    canvas = size * scale
    # RGBX, for Pillow would weigh the colours of RGBA by the fourth band when averaging.
    image = Image.new("RGBX", (canvas, canvas), GROUND["yard"])
    shadows = Image.new("L", (canvas, canvas))
    draw, dark = ImageDraw.Draw(image), ImageDraw.Draw(shadows)
    away = heading(rng.uniform(0, 2 * math.pi))  # from the sun
    paint_lots(draw, rng, scene.lots)
    paint_streets(draw, rng, [s for s in scene.streets if s.kind not in scene.bridges])
    if scene.water:
        paint_water(image, rng, scene.water)
    paint_streets(draw, rng, [s for s in scene.streets if s.kind in scene.bridges])
    for quads, heights, _ in scene.buildings:
        fill(dark, swept(quads, heights[:, None] * away), 255)
    favour = rng.uniform(0, 1, len(ROOFS)) ** 3 + 0.01
    for group in scene.buildings:
        fill(dark, group.quads, 0)
        paint_roofs(draw, rng, group, away, favour / favour.sum())
    paint_trees(draw, dark, rng, away, tree_chances(scene))
    return develop(rng, np.array(image.reduce(scale)), np.array(shadows.reduce(scale)))


def develop(rng: Rng, paint: Array, shadows: Array) -> Array:
    """Add texture, light, tone and lens to paint [size, size, 4] and shadows [size, size]."""
    size = len(paint)
    colour, rough = paint[..., :3].astype(np.float32), paint[..., 3] / np.float32(255)
    texture = 0.3 * noise(rng, 20, size) + 0.3 * noise(rng, 64, size) + 0.4 * noise(rng, 200, size)
    light = (1 + rough * texture + 0.08 * noise(rng, 4, size)) * (1 - shadows / np.float32(440))
    light += 0.05 * noise(rng, 256, size)
    hue = (rough * noise(rng, 24, size))[..., None] * np.array([14, 0, -8], np.float32)
    colour = (colour + hue) * light[..., None]
    cast = rng.uniform(0.95, 1.05, 3) * rng.uniform(0.9, 1.2)
    haze, contrast = rng.uniform(0, 14), rng.uniform(0.95, 1.2)
    colour = ((colour - 100) * contrast + 100) * cast.astype(np.float32) + haze
    photo = Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8))
    return np.array(photo.filter(ImageFilter.GaussianBlur(0.45 * size / 256)))


def draw_pairs(count: int, seed: int, size: int = 256) -> tuple[Array, Array]:
    """Draw aligned aerial photographs and street maps of cities that do not exist.

    Scene i depends on (seed, i) alone: fewer scenes, or another size, show the same cities.

    Args:
        count: how many scenes, at least 1.
        seed: any integer from 0.
        size: side of the images in pixels, at least 16.

    Returns:
        (aerial, street_map), each uint8 [count, size, size, 3] with values 0 to 255.

    Raises:
        ValueError: count < 1, seed < 0 or size < 16.
    """
    for name, value, least in (("count", count, 1), ("seed", seed, 0), ("size", size, 16)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
    aerial = np.empty((count, size, size, 3), np.uint8)
    street_map = np.empty_like(aerial)
    scale = max(2, -(-768 // size))  # drawn larger, then averaged: smooth edges
    for i in range(count):
        keys = np.random.SeedSequence([seed, i]).spawn(2)
        layout_rng, paint_rng = (np.random.Generator(np.random.Philox(key)) for key in keys)
        scene = lay_out(layout_rng)
        street_map[i] = paint_map(scene, size, scale)
        aerial[i] = paint_aerial(scene, paint_rng, size, scale)
    return aerial, street_map
