"""Charts of the benchmarks, drawn with matplotlib."""

from pathlib import Path

import numpy as np
from matplotlib import pyplot

from experiments.launch.pictures import save


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
    save(figure, path)


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
    save(figure, path)


def _medians(values):
    """Medians, and how far below and above them the values lie: [N], [2, N]."""
    low, median, high = np.array([(min(v), np.median(v), max(v)) for v in values]).T
    return median, np.stack([median - low, high - median])
