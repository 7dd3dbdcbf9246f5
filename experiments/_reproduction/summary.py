"""What the page says of all runs: which there are, claims, readings, deviations, versions."""

import tomllib
from pathlib import Path

from experiments._markdown import table
from experiments._reproduction.claims import JUDGES
from experiments._reproduction.runs import RUNS
from tf_gen.data.published import MAPS, compare

REPORT = Path(__file__).parents[1] / "report"
PARTS = ("vae", "cvae", "vq_vae", "pix2pix")  # in the report's order
SOURCES = {
    "synthetic": "**synthetic**, drawn by the package: not the report's images",
    "report": "the published set",
    "not the report's": "not the published set",
    "folder": "a folder of images given by the user",
}


def facts(part: str) -> dict:
    """A part of the report, as data."""
    return tomllib.loads((REPORT / f"{part}.toml").read_text())


def number(value, digits=4) -> str:
    """A measured value, or nothing."""
    return "" if value is None else f"{value:.{digits}f}"


def command(name: str) -> str:
    """What trains a run where this page looks for it."""
    script, options = RUNS[name]
    line = ["python -m", f"experiments.{script}", *options, "--data DATA", f"--run-dir RUNS/{name}"]
    return f"`{' '.join(line)}`"


def about_data(run) -> str:
    """Which data a run was made on, and how far they are the published ones."""
    if not run.finished:
        return ""
    metrics, source = run.metrics, SOURCES[run.metrics["data_source"]]
    counts = f"{metrics['train_examples']:,} training, {metrics['val_examples']:,} validation"
    note = metrics.get("data_note") or _about_maps(run)
    if metrics["data_source"] == "folder" and not note:
        source += f" (`{Path(run.options['data']).name}`), not checked against a published set"
    return f"{source}; {note or counts}"


def _about_maps(run):
    """Of a folder of maps: which splits are the published ones, by their digest; else None."""
    splits = {"train": run.metrics["train_examples"], "val": run.metrics["val_examples"]}
    digests = {split: run.config["identity"].get(f"{split}_digest") for split in splits}
    return compare(MAPS, splits, digests)[1] if MAPS.digests["train"] in digests.values() else None


def summary_lines(runs, note: str) -> list[str]:
    """What was reproduced and what was not."""
    there = [run.name for run in runs.values() if run.finished]
    drawn = [n for n in there if runs[n].metrics["data_source"] == "synthetic"]
    short = [f"{n} ({runs[n].done} epochs)" for n in there if " of " in runs[n].done]
    lines = [f"Runs on this page: {', '.join(there) or 'none'}."]
    for said, names in (
        ("Not run yet", [run.name for run in runs.values() if not run.finished]),
        ("On drawn images, which say nothing of real ones", drawn),
        ("Cut short", short),
        ("Without FID", [n for n in there if runs[n].figure("val_fid") is None]),
    ):
        if names:
            lines.append(f"{said}: {', '.join(names)}.")
    return [" ".join(lines), "", *([note, ""] if note else [])]


def runs_section(runs) -> list[str]:
    """One row for each run."""
    rows = []
    for name, run in runs.items():
        if not run.finished:
            rows.append([name, f"no run yet: {command(name)}", "", "", "", "", "", ""])
            continue
        metrics, options = run.metrics, run.options
        minutes = metrics.get("train_seconds", 0.0) / 60
        size = f"{options['image_size']} x {options['image_size']}"
        if "filters" in options:
            size += f", {options['filters']} filters"
        rows.append(
            [
                name, about_data(run), size, f"{run.done} ({metrics['steps']:,} steps)",
                options["precision"], run.config.get("commit") or "",
                f"{minutes:.0f} min" if minutes >= 1 else "", run.config.get("machine") or "",
            ]
        )  # fmt: skip
    head = ["run", "data", "size", "epochs", "precision", "commit", "training", "machine"]
    return ["## The runs", "", *table(head, rows)]


def claims_section(runs) -> list[str]:
    """Each claim of the report with what supports or contradicts it."""
    rows = []
    for part in PARTS:
        for claim in facts(part)["claims"]:
            verdict, evidence = JUDGES[claim["id"]](runs)
            rows.append([claim["text"], claim["where"].split(",")[0], f"**{verdict}**", evidence])
    head = ["the report's claim", "where", "here", "evidence"]
    said = "Each verdict is about the runs above, on the data that are named there."
    return ["## The report's claims", "", said, "", *table(head, rows)]


def readings_section() -> list[str]:
    """Contradictions of the report with our reading, deviations with their reasons."""
    readings, deviations, silent = [], [], []
    for part in PARTS:
        content = facts(part)
        for entry in content["contradictions"]:
            row = [part, entry["says"], entry["against"], entry["reading"]]
            readings.append(row)
        for entry in content.get("deviations", []):
            deviations.append([part, f"`{entry['field']}`", str(entry["ours"]), entry["why"]])
        silent.append([part, ", ".join(name.replace("_", " ") for name in content["not_stated"])])
    return [
        "## Where we deviate",
        "",
        *table(["part", "what", "ours", "why"], deviations),
        "## Where the report contradicts itself",
        "",
        *table(["part", "it says", "but", "our reading"], readings),
        "## What the report does not state",
        "",
        "Our choices are the defaults of the commands, each marked *ours* by `--help`, with "
        "reasons in `docs/decisions.md`.",
        "",
        *table(["part", "not stated"], silent),
    ]


def versions_section(runs) -> list[str]:
    """Package versions of each run."""
    finished = [run for run in runs.values() if run.finished]
    packages = sorted({name for run in finished for name in run.config["versions"]})
    rows = [[run.name, *(run.config["versions"].get(p, "") for p in packages)] for run in finished]
    return ["## Versions", "", *table(["run", *packages], rows)]
