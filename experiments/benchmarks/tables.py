"""The benchmark's record as Markdown."""

import statistics

from experiments.benchmarks.report import GIB, short, speedups
from experiments.benchmarks.variants import OWN, PLAIN, TORCH
from experiments.launch.markdown import table

SPREAD = "median (lowest to highest)"


def page(found: dict) -> str:
    """All that ``benchmark.json`` holds, for people."""
    about = [f"{name}: {value}" for name, value in found["machine"].items()]
    rates = found.get("matrix_product_flops", {})
    about += [f"matrix product, {name}: {rate / 1e9:.0f} GFLOP/s" for name, rate in rates.items()]
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


def summary(groups: list[dict]) -> list[str]:
    """Of each group a row: how many times as fast as plain Keras each variant is, the median."""
    labels = [short(row) for one in groups for row in one["variants"]]
    columns = list(dict.fromkeys(label for label in labels if label != PLAIN))
    rows = []
    for one in groups:
        of = {short(row): row for row in one["variants"]}
        found = [f"{of[name]['median_speedup']:.2f}" if name in of else "" for name in columns]
        rows.append([one["title"], f"{of[PLAIN]['median_seconds']:.3g} s", *found])
    return table(["", PLAIN, *[f"{name}, times" for name in columns]], rows)


def group(record: dict) -> list[str]:
    """Of a group every variant: its time beside plain Keras, PyTorch and the bound."""
    first = record["variants"][0]["seconds"]
    torch = [row["seconds"] for row in record["variants"] if row["label"] == TORCH]
    rows = [
        [
            row["label"],
            _spread(row["seconds"]),
            _range(row["seconds"], first),
            _range(row["seconds"], torch[0]) if torch else "",
            _ratio(row["median_seconds"], row["bound_seconds"]),
            _ratio(row["peak_bytes"], GIB),
        ]
        for row in record["variants"]
    ]
    head = ["", f"seconds, {SPREAD}", "times plain Keras (lowest to highest)", "times PyTorch",
            "times the bound", "peak memory, GiB"]  # fmt: skip
    return [f"### {record['title']}", "", *table(head, rows)]


def growth(record: dict) -> list[str]:
    """Step time by batch, image size and replicas."""
    rows = [
        [
            *[row["variant"][name] for name in ("batch", "size", "replicas")],
            _spread(row["seconds"]),
            f"{row['variant']['batch'] / row['median_seconds']:.2f}",
            _ratio(row["median_seconds"], row["bound_seconds"]),
            _ratio(row["peak_bytes"], GIB),
        ]
        for row in record["variants"]
    ]
    head = ["images", "size", "replicas", f"seconds a step, {SPREAD}", "images a second",
            "times the bound", "peak memory, GiB"]  # fmt: skip
    return [f"### {record['title']}", "", *table(head, rows)]


def profiles(record: dict, shown: int = 12) -> list[str]:
    """Where the time of a step goes, by kind of operation, of the variants that were profiled."""
    lines = []
    for row in record["variants"]:
        if kinds := list((row["profile"] or {}).items()):
            total = sum(seconds for _, seconds in kinds)
            rest = ("all others", sum(seconds for _, seconds in kinds[shown:]))
            lines += [f"### Where the time goes: {record['title']}, {row['label']}", ""]
            lines += table(
                ["operation", "seconds a step", "share"],
                [[kind, f"{s:.4f}", f"{s / total:.0%}"] for kind, s in [*kinds[:shown], rest]],
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
    return f"{statistics.median(values):.4g} ({min(values):.3g} to {max(values):.3g})"


def _range(seconds, others) -> str:
    """Median, lowest and highest of the speedups."""
    faster = speedups(seconds, others)
    return f"{statistics.median(faster):.2f} ({min(faster):.2f} to {max(faster):.2f})"


def _ratio(value, unit) -> str:
    return f"{value / unit:.2f}" if value and unit else ""
