"""A finished run without its weights: what may lie in a public tree."""

import csv
import json
import shutil
from pathlib import Path

from PIL import Image

from experiments.page.runs import Run

ROWS = 400  # of steps.csv, at most
PATHS = ("data", "data_dir", "run_dir", "vae_run", "vq_run", "init_from", "reader")
ANIME = ("vae_anime", "cvae_faces", "vq_vae_faces", "vq_vae_faces_ema", "vq_prior")
# pictures that show images of the set, or halves of them
WITH_ORIGINALS = ("data_samples", "reconstructions", "nearest", "completed")


def write_record(run: Run, folder: Path, pictures: bool = True) -> None:
    """Write configuration, figures, curves and pictures of a run; or, without these, configuration
    and figures, epoch by epoch too.

    Pictures become JPEG. Those that show original anime faces (whose rights are unclear) are left
    out, unless they were drawn; so are paths, of which the last name stays.
    """
    if folder.resolve() == run.folder.resolve():
        return
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    config = json.loads(json.dumps(run.config))
    for part in ("identity", "settings"):
        for name in PATHS:
            if value := config[part].get(name):
                config[part][name] = Path(value).name
    write_json(folder / "config.json", config)
    write_json(folder / "metrics.json", run.metrics)
    (folder / "evaluation_val.json").unlink(missing_ok=True)  # of a run that was here before
    if run.evaluation:
        write_json(folder / "evaluation_val.json", run.evaluation)
    shutil.copy(run.folder / "logs" / "epochs.csv", folder / "logs" / "epochs.csv")
    if pictures:
        _write_curves_and_pictures(run, folder)


def _write_curves_and_pictures(run, folder):
    (folder / "figures").mkdir(exist_ok=True)
    _thin(run.folder / "logs" / "steps.csv", folder / "logs" / "steps.csv")
    for path in sorted((run.folder / "figures").iterdir()):
        if path.suffix == ".txt":
            shutil.copy(path, folder / "figures" / path.name)
        elif not leaves_out(run, path.stem):
            with Image.open(path) as image:
                image.convert("RGB").save(folder / "figures" / f"{path.stem}.jpg", quality=85)


def leaves_out(run: Run, stem: str) -> bool:
    """Whether a picture of this run may not be published."""
    drawn = run.metrics.get("data_source") == "synthetic"
    return not drawn and run.name in ANIME and stem in WITH_ORIGINALS


def write_json(path: Path, content: dict) -> None:
    """Indented, so that a difference can be read."""
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def _thin(source: Path, target: Path) -> None:
    """Every n-th row, the last among them."""
    with source.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    stride = -(-len(rows) // ROWS) or 1
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows[::-1][::stride][::-1]])
