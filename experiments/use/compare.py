"""Several runs in one table and one picture."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from experiments.launch import pictures
from experiments.launch.errors import UsageError
from experiments.launch.markdown import inline, table
from experiments.launch.output import make_writable

PICTURES = ("validation_last_epoch", "samples", "generated", "reconstructions")  # the first found
UNTOLD = ("run_dir", "train_digest", "val_digest")  # options that say nothing here


def compare(config) -> None:
    """Write comparison.md and comparison.png."""
    runs = {name: _read(path) for name, path in _named(config.runs).items()}
    found = {name: _picture(path, config.picture) for name, path in _named(config.runs).items()}
    make_writable(config.output)
    lines = ["# Runs compared", "", *_options(runs), *_figures(runs)]
    (config.output / "comparison.md").write_text("\n".join(lines), "utf-8")
    print("\n".join(lines))
    if found := {name: image for name, image in found.items() if image is not None}:
        _draw(found, config.output / "comparison.png")
    print(f"{config.output}: comparison.md" + (" and comparison.png" if found else ""))


def _named(paths) -> dict[str, Path]:
    """The shortest ends of the paths that tell them apart -> the paths."""
    parts = [path.resolve().parts for path in paths]
    if len(set(parts)) < len(parts):
        raise UsageError("RUN RUN ...: the same run is given twice")
    length = 1
    while len({own[-length:] for own in parts}) < len(parts):
        length += 1
    return {"/".join(own[-length:]): path for own, path in zip(parts, paths, strict=True)}


def _read(path: Path) -> dict:
    """{"options": {...}, "figures": {...}} of a finished run."""
    try:
        config, metrics = (
            json.loads((path / f"{part}.json").read_text("utf-8")) for part in ("config", "metrics")
        )
        options = {"experiment": config["experiment"], **config["identity"], **config["settings"]}
    except FileNotFoundError as error:
        raise UsageError(
            f"{path}: no finished run, it has no {Path(error.filename).name}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: its config.json or metrics.json cannot be read") from error
    figures = {k: v for k, v in metrics.items() if isinstance(v, int | float)}
    return {"options": options, "figures": figures}


def _options(runs) -> list[str]:
    """The options in which the runs differ; of one that a run's kind or version lacks, nothing."""
    given = [run["options"] for run in runs.values()]
    names = [name for name in dict.fromkeys(k for one in given for k in one) if name not in UNTOLD]
    rows = [[name, *(_told(one, name) for one in given)] for name in names]
    rows = [row for row in rows if len(set(row[1:])) > 1]
    return table(["option", *map(inline, runs)], rows) if rows else ["The same options.", ""]


def _told(options, name):
    value = options.get(name, "")
    return Path(value).name if name == "data" else str(value)


def _figures(runs) -> list[str]:
    """The figures that two runs or more have."""
    given = [run["figures"] for run in runs.values()]
    names = dict.fromkeys(name for one in given for name in one)
    shared = [name for name in names if sum(name in one for one in given) > 1]
    rows = [[name, *(one.get(name) for one in given)] for name in shared]
    return table(["figure", *map(inline, runs)], rows)


def _picture(path: Path, wanted: str | None):
    """uint8 [H, W, 3] that the run drew, or None.

    Raises: UsageError if it has not the one that is wanted.
    """
    for stem in (wanted,) if wanted else PICTURES:
        for ending in ("png", "jpg"):
            file = path / "figures" / f"{stem}.{ending}"
            if file.exists():
                with Image.open(file) as image:
                    return np.asarray(image.convert("RGB"))
    if wanted:
        there = sorted({file.stem for file in (path / "figures").glob("*.[pj]*g")})
        raise UsageError(f"--picture {wanted}: {path} has {', '.join(there) or 'none'}")
    return None


def _draw(found: dict, path: Path) -> None:
    """One below the other, each under its name, all as wide as the widest."""
    widest = max(400, *(image.shape[1] for image in found.values()))
    heights = [image.shape[0] * widest / image.shape[1] for image in found.values()]
    figure, axes = pictures.pyplot.subplots(
        len(found), 1, figsize=(widest / 100, sum(heights) / 100 + 0.4 * len(found)),
        height_ratios=heights, squeeze=False,
    )  # fmt: skip
    for axis, (name, image) in zip(axes[:, 0], found.items(), strict=True):
        axis.imshow(image, interpolation="antialiased")
        axis.set_title(name, parse_math=False)
        axis.set_axis_off()
    pictures.save(figure, path)
