"""The benchmark's figures as Markdown tables, JSON and charts."""

import dataclasses
import statistics

from experiments import _figures
from experiments._benchmark.rounds import Measured
from experiments._benchmark.variants import TORCH

GIB = 2**30


def speedups(seconds, baseline) -> list[float]:
    """How many times as fast as the baseline, round by round."""
    return [b / a for a, b in zip(seconds, baseline, strict=True)]


def record(title: str, found: list[Measured], rates: dict[str, float]) -> dict:
    """A group for benchmark.json; ``rates``: of the matrix product, by precision."""
    # the baselines do the arithmetic of ours, which is counted
    shared_bound = next((bound for one in found if (bound := _bound(one, rates))), None)
    return {
        "title": title,
        "variants": [
            {
                "label": one.variant.label,
                **dataclasses.asdict(one),
                "median_seconds": statistics.median(one.seconds),
                "median_speedup": statistics.median(speedups(one.seconds, found[0].seconds)),
                "bound_seconds": _bound(one, rates) or shared_bound,
            }
            for one in found
        ],
    }


def _bound(one: Measured, rates) -> float | None:
    return one.operations and one.operations / rates[one.variant.precision]


def table(group: dict) -> str:
    """Of a group's record, as Markdown."""
    lines = [
        f"### {group['title']}", "",
        "| | seconds, median (lowest to highest) | times plain Keras (lowest to highest) "
        "| times PyTorch | times the bound | peak memory, GiB |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    first = group["variants"][0]["seconds"]
    torch = [row["seconds"] for row in group["variants"] if row["label"] == TORCH]
    for row in group["variants"]:
        each = row["seconds"]
        bound, peak = row["bound_seconds"], row["peak_bytes"]
        lines.append(
            f"| {row['label']} | {row['median_seconds']:.4g} ({min(each):.3g} to {max(each):.3g}) "
            f"| {_range(each, first)} "
            f"| {_range(each, torch[0]) if torch else ''} "
            f"| {_told(bound and row['median_seconds'] / bound)} | {_told(peak and peak / GIB)} |"
        )
    return "\n".join(lines)


def _range(seconds, others) -> str:
    """Median, lowest and highest of the speedups."""
    faster = speedups(seconds, others)
    return f"{statistics.median(faster):.2f} ({min(faster):.2f} to {max(faster):.2f})"


def _told(value) -> str:
    return f"{value:.2f}" if value else ""


def growth_table(group: dict) -> str:
    """Step time by batch, image size and replicas, as Markdown."""
    lines = [
        f"### {group['title']}", "",
        "| images | size | replicas | seconds a step, median (lowest to highest) "
        "| images a second | times the bound | peak memory, GiB |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in group["variants"]:
        of, each, middle = row["variant"], row["seconds"], row["median_seconds"]
        bound, peak = row["bound_seconds"], row["peak_bytes"]
        lines.append(
            f"| {of['batch']} | {of['size']} | {of['replicas']} | {middle:.4g} ({min(each):.3g} to "
            f"{max(each):.3g}) | {of['batch'] / middle:.2f} | {middle / bound:.2f} "
            f"| {_told(peak and peak / GIB)} |"
        )
    return "\n".join(lines)


def profile_table(row: dict, shown: int = 12) -> str:
    """Where the time of a step goes, by kind of operation, as Markdown."""
    total = sum(row["profile"].values())
    kinds = list(row["profile"].items())
    lines = ["| operation | seconds a step | share |", "|---|---|---|"]
    lines += [f"| {kind} | {s:.4f} | {s / total:.0%} |" for kind, s in kinds[:shown]]
    rest = sum(seconds for _, seconds in kinds[shown:])
    return "\n".join([*lines, f"| all others | {rest:.4f} | {rest / total:.0%} |"])


def draw(output, task: str, groups: list[dict]) -> None:
    """How many times as fast as the baseline each variant is, as bars."""
    bars = {
        f"{group['title']}: {row['label']}": row["median_speedup"]
        for group in groups
        for row in group["variants"]
    }
    _figures.named_bars(output / f"{task}.png", bars, "times as fast as plain Keras")


def draw_growth(path, group: dict) -> None:
    """Step time and peak memory against batch size, image size and replicas."""
    rows = [(row["variant"], row) for row in group["variants"]]
    panels = {
        "batch size, 256 x 256": [
            (of["batch"], row) for of, row in rows if of["size"] == 256 and of["replicas"] == 1
        ],
        "image size, batch 2": [
            (of["size"], row) for of, row in rows if of["batch"] == 2 and of["replicas"] == 1
        ],
        "replicas, batch 2": [
            (of["replicas"], row) for of, row in rows if of["batch"] == 2 and of["size"] == 256
        ],
    }
    _figures.growth(
        path,
        {
            title: [
                (x, row["median_seconds"], (row["peak_bytes"] or 0) / GIB)
                for x, row in sorted(points, key=lambda point: point[0])
            ]
            for title, points in panels.items()
        },
    )
