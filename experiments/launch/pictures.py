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
    save(figure, path, title)


def image_table(path: Path, rows: dict[str, np.ndarray]) -> None:
    """One named row for each kind of image, the examples side by side."""
    longest = max(len(images) for images in rows.values())
    side = 2.4 if max(images.shape[2] for images in rows.values()) > 96 else 1.2  # inches
    figure, axes = pyplot.subplots(
        len(rows), 1, figsize=(side * longest + 1.0, (side + 0.1) * len(rows)), squeeze=False
    )
    for axis, (name, images) in zip(axes[:, 0], rows.items(), strict=True):
        axis.imshow(np.concatenate(list(images), axis=1), interpolation="antialiased")
        axis.set_ylabel(name, rotation=0, ha="right", va="center", parse_math=False)
        axis.set(xticks=[], yticks=[], frame_on=False)
    save(figure, path)


def bars(path: Path, values: np.ndarray, title: str, axes: tuple[str, str]) -> None:
    """Values as bars, the largest first. Args: axes: what is said beside x and y."""
    figure, axis = pyplot.subplots(figsize=(6.4, 3.2))
    axis.bar(np.arange(len(values)), np.sort(values)[::-1], width=1.0)
    axis.set(title=title, xlabel=axes[0], ylabel=axes[1])
    save(figure, path)


def heat_map(path: Path, values: np.ndarray, title: str) -> None:
    """float [h, w] as colours, with their scale beside them."""
    figure, axis = pyplot.subplots(figsize=(4.6, 3.8))
    figure.colorbar(axis.imshow(values))
    axis.set(title=title, xticks=[], yticks=[])
    save(figure, path)


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
    save(figure, path)


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


def save(figure, path: Path, title: str = "") -> None:
    """Write a matplotlib figure as PNG, and close it."""
    if title:
        figure.suptitle(title)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
