"""The benchmark's record as Markdown."""

import statistics

from experiments.benchmarks.report import GIB, short, speedups
from experiments.benchmarks.variants import OWN, PLAIN, TORCH
from experiments.launch.markdown import inline, table

SPREAD = "median (lowest to highest)"
COSTS = ("times the bound", "times Adam's memory", "seconds to the first step", "peak memory, GiB")


def page(found: dict) -> str:
    """All that ``benchmark.json`` holds, for people."""
    about = [f"{name}: {value}" for name, value in found["machine"].items()]
    about += rates(found.get("rates", {}))
    about.append(f"commit: {found['commit']}")
    about += [f"--{name.replace('_', '-')}: {value}" for name, value in found["options"].items()]
    lines = ["# Benchmark", "", *[f"- {line}" for line in about], ""]
    for what in ("training", "inference"):
        if groups := found.get(what):
            lines += [f"## {what.capitalize()}", "", *summary(groups)]
            lines += [line for one in groups for line in [*group(one), *profiles(one)]]
    if "growth" in found:
        lines += ["## Growth", "", *growth(found["growth"])]
    if "pipeline" in found:
        lines += ["## Pipeline", "", *pipeline(found["pipeline"])]
    return "\n".join(lines)


def rates(found: dict[str, float]) -> list[str]:
    """A line for each of ``worker.rates``."""
    return [
        f"{'memory' if name == 'memory' else f'matrix product, {name}'}: {rate / 1e9:.0f} "
        + ("GB/s" if name == "memory" else "GFLOP/s")
        for name, rate in found.items()
    ]


def summary(groups: list[dict]) -> list[str]:
    """Of each group a row: how many times as fast as plain Keras each variant is, the median."""
    labels = [short(row) for one in groups for row in one["variants"]]
    columns = list(dict.fromkeys(label for label in labels if label != PLAIN))
    rows = []
    for one in groups:
        of = {short(row): row for row in one["variants"]}
        found = [_ratio(of[name]["median_speedup"], 1) if name in of else "" for name in columns]
        seconds = of[PLAIN]["median_seconds"]
        rows.append([one["title"], f"{seconds:.3g} s" if seconds else "not measured", *found])
    return table(["", PLAIN, *[f"{name}, times" for name in columns]], rows)


def group(record: dict) -> list[str]:
    """Of a group every variant: its time beside plain Keras, PyTorch and the bounds."""
    first = record["variants"][0]["seconds"]
    torch = [row["seconds"] for row in record["variants"] if row["label"] == TORCH]
    rows = [
        [
            row["label"],
            _spread(row["seconds"]),
            _range(row["seconds"], first),
            _range(row["seconds"], torch[0]) if torch else "",
            *_costs(row),
        ]
        for row in record["variants"]
    ]
    head = ["", f"seconds, {SPREAD}", "times plain Keras (lowest to highest)", "times PyTorch",
            *COSTS]  # fmt: skip
    return [f"### {record['title']}", "", *table(head, rows), *_not_measured(record)]


def _costs(row) -> list[str]:
    return [
        _ratio(row["median_seconds"], row["bound_seconds"]),
        _ratio(row["median_seconds"], row["memory_seconds"]),
        _ratio(row["first_step_seconds"], 1, digits=1),
        _ratio(row["peak_bytes"], GIB),
    ]


def _not_measured(record) -> list[str]:
    """Which variants failed, and why."""
    lines = [
        f"- {row['label']}, batch {row['variant']['batch']}, size {row['variant']['size']}: "
        f"not measured: {inline(row['not_measured'])}"
        for row in record["variants"]
        if row["not_measured"]
    ]
    return [*lines, ""] if lines else []


def growth(record: dict) -> list[str]:
    """Step time by batch, image size and replicas."""
    rows = [
        [
            *[row["variant"][name] for name in ("batch", "size", "replicas")],
            _spread(row["seconds"]),
            _ratio(row["variant"]["batch"], row["median_seconds"]),
            *_costs(row),
        ]
        for row in record["variants"]
    ]
    head = ["images", "size", "replicas", f"seconds a step, {SPREAD}", "images a second", *COSTS]
    return [f"### {record['title']}", "", *table(head, rows), *_not_measured(record)]


def profiles(record: dict, shown: int = 12) -> list[str]:
    """Where the time of a step goes, by kind of operation or kernel, of those profiled."""
    lines = []
    for row in record["variants"]:
        if kinds := list((row["profile"] or {}).items()):
            total = sum(seconds for _, seconds in kinds)
            rest = [("all others", sum(s for _, s in kinds[shown:]))] * (len(kinds) > shown)
            lines += [f"### Where the time goes: {record['title']}, {row['label']}", ""]
            if row["busy_share"] is not None:
                lines += [f"The GPU was busy for {row['busy_share']:.0%} of the time.", ""]
            lines += table(
                ["operation or kernel", "seconds a step", "share"],
                [[kind, f"{s:.3g}", f"{s / total:.0%}"] for kind, s in [*kinds[:shown], *rest]],
            )
    return lines


def pipeline(record: dict) -> list[str]:
    """Pairs a second, what a step waits for, and the peak by --cache-gib."""
    rates, steps = record["pairs_per_second"], record["train_step_seconds"]
    plain = {name: rates[name.replace(OWN, "plain")] for name in rates}
    rows = [[name, _spread(each), _range(plain[name], each)] for name, each in rates.items()]
    lines = table(["", f"pairs a second, {SPREAD}", "times plain (lowest to highest)"], rows)
    if steps:
        one = next(iter(steps.values()))
        rows = [[name, _spread(each), _range(one, each)] for name, each in steps.items()]
        lines += table(["", f"seconds a step, {SPREAD}", "times the first's"], rows)
    peaks = [[name, _ratio(peak, GIB)] for name, peak in record["peak_bytes"].items()]
    return lines + table(["--cache-gib", "peak memory, TensorFlow included, GiB"], peaks)


def _spread(values) -> str:
    if not values:
        return "not measured"
    return f"{statistics.median(values):.4g} ({min(values):.3g} to {max(values):.3g})"


def _range(seconds, others) -> str:
    """Median, lowest and highest of the speedups."""
    if not (faster := speedups(seconds, others)):
        return ""
    return f"{statistics.median(faster):.2f} ({min(faster):.2f} to {max(faster):.2f})"


def _ratio(value, unit, digits=2) -> str:
    return f"{value / unit:.{digits}f}" if value and unit else ""
