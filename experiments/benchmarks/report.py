"""The benchmark's figures as a record for JSON, and as charts."""

import dataclasses
import statistics

from experiments.benchmarks import charts
from experiments.benchmarks.rounds import Measured

GIB = 2**30


def speedups(seconds, baseline) -> list[float]:
    """How many times as fast as the baseline, round by round."""
    return [b / a for a, b in zip(seconds, baseline, strict=True)]


def record(title: str, found: list[Measured], rates: dict[str, float]) -> dict:
    """A group for benchmark.json; ``rates``: of the matrix product, by precision."""
    group = {
        "title": title,
        "variants": [
            {
                "label": one.variant.label,
                **dataclasses.asdict(one),
                "median_seconds": statistics.median(one.seconds),
                "median_speedup": statistics.median(speedups(one.seconds, found[0].seconds)),
            }
            for one in found
        ],
    }
    set_bounds(group, rates)
    return group


def set_bounds(group: dict, rates: dict[str, float]) -> None:
    """Write each row's bound: its arithmetic at these rates, None where none was counted."""
    # the baselines do the arithmetic of ours, which is counted
    shared = next((row["operations"] for row in group["variants"] if row["operations"]), None)
    for row in group["variants"]:
        operations = row["operations"] or shared
        rate = rates[row["variant"]["precision"]]
        row["bound_seconds"] = operations / rate if operations else None


def draw(output, task: str, groups: list[dict]) -> None:
    """How many times as fast as the baseline each variant is, as bars."""
    bars = {
        group["title"]: {
            short(row): speedups(row["seconds"], group["variants"][0]["seconds"])
            for row in group["variants"]
        }
        for group in groups
    }
    charts.grouped_bars(output / f"{task}.png", bars, "times as fast as plain Keras")


def short(row) -> str:
    """The label of a variant, the same for all models."""
    return row["label"].replace(", simultaneous", "")


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
    charts.growth(
        path,
        {
            title: [
                (x, row["seconds"], (row["peak_bytes"] or 0) / GIB)
                for x, row in sorted(points, key=lambda point: point[0])
            ]
            for title, points in panels.items()
        },
    )
