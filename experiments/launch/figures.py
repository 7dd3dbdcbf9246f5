"""Figures as PNG files, drawn with matplotlib; arrays of images are uint8 [N, H, W, 3]."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot

matplotlib.use("Agg")  # no screen is needed


def image_rows(path: Path, columns: dict[str, np.ndarray], title: str = "") -> None:
    """One row for each example, one titled column for each kind of image."""
    count = len(next(iter(columns.values())))
    figure, axes = pyplot.subplots(
        count, len(columns), figsize=(2.6 * len(columns), 2.6 * count + 0.5), squeeze=False
    )
    for j, (name, images) in enumerate(columns.items()):
        axes[0, j].set_title(name)
        for i, image in enumerate(images):
            axes[i, j].imshow(image, interpolation="antialiased")
            axes[i, j].set_axis_off()
    _save(figure, path, title)


def image_table(path: Path, rows: dict[str, np.ndarray]) -> None:
    """One named row for each kind of image, the examples side by side."""
    longest = max(len(images) for images in rows.values())
    figure, axes = pyplot.subplots(
        len(rows), 1, figsize=(1.2 * longest + 1.0, 1.3 * len(rows)), squeeze=False
    )
    for axis, (name, images) in zip(axes[:, 0], rows.items(), strict=True):
        axis.imshow(np.concatenate(list(images), axis=1), interpolation="antialiased")
        axis.set_ylabel(name, rotation=0, ha="right", va="center", parse_math=False)
        axis.set(xticks=[], yticks=[], frame_on=False)
    _save(figure, path)


def bars(path: Path, values: np.ndarray, title: str, axes: tuple[str, str]) -> None:
    """Values as bars, the largest first. Args: axes: what is said beside x and y."""
    figure, axis = pyplot.subplots(figsize=(6.4, 3.2))
    axis.bar(np.arange(len(values)), np.sort(values)[::-1], width=1.0)
    axis.set(title=title, xlabel=axes[0], ylabel=axes[1])
    _save(figure, path)


def grouped_bars(path: Path, groups: dict[str, dict[str, list[float]]], title: str) -> None:
    """Bars side by side for each group, a colour for each name: medians, whiskers for the range.

    Args: groups: title -> name -> values; not all need all names.
    """
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    figure, axis = pyplot.subplots(figsize=(max(6.0, 0.22 * len(names) * len(groups) + 2.0), 4.6))
    for k, name in enumerate(names):
        places = [i for i, group in enumerate(groups.values()) if name in group]
        medians, whiskers = _medians([group[name] for group in groups.values() if name in group])
        x = np.array(places) + (k - (len(names) - 1) / 2) * 0.8 / len(names)
        axis.bar(x, medians, 0.8 / len(names), yerr=whiskers, ecolor="0.3", capsize=2, label=name)
    axis.set_xticks(range(len(groups)), [title.replace(", ", "\n") for title in groups])
    axis.set(title=f"{title} (median; lowest to highest)")
    axis.grid(axis="y", alpha=0.3)
    axis.legend(fontsize="small", ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.22))
    _save(figure, path)


def growth(path: Path, panels: dict[str, list[tuple[float, list[float], float]]]) -> None:
    """Seconds (left, solid, with their range) and memory (right, dashed) by what each panel is
    named after.

    Args: panels: title -> (x, seconds, GiB) in the order of x.
    """
    figure, axes = pyplot.subplots(1, len(panels), figsize=(4.4 * len(panels), 3.4), squeeze=False)
    for axis, (title, points) in zip(axes[0], panels.items(), strict=True):
        x, seconds, memory = zip(*points, strict=True)
        medians, whiskers = _medians(seconds)
        axis.errorbar(x, medians, whiskers, fmt="o-", capsize=2)
        right = axis.twinx()
        right.plot(x, memory, "s--", color="tab:orange")
        top = 1.1 * max(max(each) for each in seconds)
        axis.set(xlabel=title, xticks=x, ylim=(0, top), ylabel="seconds a step (o)")
        right.set(ylim=(0, 1.1 * max(memory) or 1), ylabel="peak memory, GiB (squares)")
        axis.grid(alpha=0.3)
    _save(figure, path)


def _medians(values):
    """Medians, and how far below and above them the values lie: [N], [2, N]."""
    low, median, high = np.array([(min(v), np.median(v), max(v)) for v in values]).T
    return median, np.stack([median - low, high - median])


def curves(
    path: Path, rows: list[dict], groups: dict[str, list[str]], steps_per_epoch: int, epochs=()
):
    """Logs by step, one panel for each group: faint as they are, strong as a running mean.

    Args: epochs: rows of epochs.csv, whose ``val_`` figures are drawn as dots.
    """
    figure, axes = pyplot.subplots(1, len(groups), figsize=(4.8 * len(groups), 3.6), squeeze=False)
    times = np.array([row["step"] for row in rows]) / steps_per_epoch
    for axis, (title, names) in zip(axes[0], groups.items(), strict=True):
        for name in names:
            values = np.array([row[name] for row in rows])
            (line,) = axis.plot(times, values, alpha=0.25, linewidth=0.6)
            axis.plot(times, running_mean(values), color=line.get_color(), label=name)
            dots = [  # an epoch that was cut short ends with the last step
                (min(row["epoch"], times[-1]), row[f"val_{name}"])
                for row in epochs
                if f"val_{name}" in row
            ]
            if dots:
                axis.plot(
                    *zip(*dots, strict=True),
                    "o",
                    color=line.get_color(),
                    markersize=4,
                    markeredgecolor="black",
                    label=f"val_{name}",
                )
        axis.set(title=title, xlabel="epoch")
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small")
    _save(figure, path)


def running_mean(values: np.ndarray) -> np.ndarray:
    """Each value's mean with its neighbours, over a fiftieth of the whole."""
    width = max(1, len(values) // 50)
    sums = np.cumsum(np.concatenate([[0.0], values]))
    low = np.maximum(np.arange(len(values)) - width, 0)
    high = np.minimum(np.arange(len(values)) + width + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)


def grid(*columns: np.ndarray) -> np.ndarray:
    """Images side by side, one row for each example: uint8 [N * H, columns * W, 3]."""
    return np.concatenate([np.concatenate(list(images), axis=0) for images in columns], axis=1)


def rows(*kinds: np.ndarray) -> np.ndarray:
    """One row for each kind of images, the examples side by side: uint8 [kinds * H, N * W, 3]."""
    return np.concatenate([np.concatenate(list(images), axis=1) for images in kinds], axis=0)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """float in [-1, 1] -> uint8."""
    return np.clip(np.rint((np.asarray(images) + 1.0) * 127.5), 0, 255).astype(np.uint8)


def levels(images) -> np.ndarray:
    """float in [0, 1] -> uint8."""
    return np.clip(np.rint(np.asarray(images) * 255.0), 0, 255).astype(np.uint8)


def _save(figure, path: Path, title: str = "") -> None:
    if title:
        figure.suptitle(title)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
