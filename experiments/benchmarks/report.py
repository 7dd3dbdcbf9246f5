"""The benchmark's figures as a record for JSON, and as charts."""

import dataclasses
import statistics

from experiments.benchmarks.rounds import Measured

GIB = 2**30
# of a weight: read it, its gradient and two moments, write it and the moments, float32 each
ADAM_BYTES = 7 * 4


def speedups(seconds, baseline) -> list[float]:
    """How many times as fast as the baseline, round by round; none if one was not measured."""
    return [b / a for a, b in zip(seconds, baseline, strict=True)] if seconds and baseline else []


def record(title: str, found: list[Measured], rates: dict[str, float]) -> dict:
    """A group for benchmark.json; ``rates``: of the matrix product, by precision, and of memory."""
    group = {
        "title": title,
        "variants": [
            {
                "label": one.variant.label,
                **dataclasses.asdict(one),
                "median_seconds": _median(one.seconds),
                "median_speedup": _median(speedups(one.seconds, found[0].seconds)),
            }
            for one in found
        ],
    }
    set_bounds(group, rates)
    return group


def _median(values):
    return statistics.median(values) if values else None


def set_bounds(group: dict, rates: dict[str, float]) -> None:
    """Write each row's bounds at these rates, that of its arithmetic and that of the memory that
    Adam passes over; None where nothing was counted."""
    rows = group["variants"]
    # the baselines do the work of ours, which is counted
    least = min(
        (row for row in rows if row["operations"]), key=lambda row: row["operations"], default=None
    )
    for row in rows:
        counted = row if row["operations"] else least
        rate, bytes_rate = rates[row["variant"]["precision"]], rates["memory"]
        row["bound_seconds"] = counted and counted["operations"] / rate
        row["memory_seconds"] = counted and ADAM_BYTES * counted["weights"] / bytes_rate


def charts():
    """The module that draws; None, and a line that says so, where there is no matplotlib."""
    try:
        from experiments.benchmarks import charts
    except ModuleNotFoundError as error:
        print(f"no chart: {error.name} is not installed")
        return None
    return charts


def draw(output, task: str, groups: list[dict]) -> None:
    """How many times as fast as the baseline each variant is, as bars."""
    bars = {}
    for group in groups:
        first = group["variants"][0]["seconds"]
        found = {short(row): speedups(row["seconds"], first) for row in group["variants"]}
        bars[group["title"]] = {name: values for name, values in found.items() if values}
    if any(bars.values()) and (drawn := charts()):
        drawn.grouped_bars(output / f"{task}.png", bars, "times as fast as plain Keras")


def short(row) -> str:
    """The label of a variant, the same for all models."""
    return row["label"].replace(", simultaneous", "")


def draw_growth(path, group: dict) -> None:
    """Step time and peak memory against batch size, image size and replicas."""
    rows = [(row["variant"], row) for row in group["variants"] if row["seconds"]]
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
    points = {
        title: [
            (x, row["seconds"], (row["peak_bytes"] or 0) / GIB)
            for x, row in sorted(points, key=lambda point: point[0])
        ]
        for title, points in panels.items()
        if len(points) > 1
    }
    if points and (drawn := charts()):
        drawn.growth(path, points)
