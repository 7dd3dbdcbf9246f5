"""What ``experiments.evaluate`` does: the part that needs TensorFlow."""

import json
import types
from pathlib import Path

import numpy as np

from experiments import _evaluation_faces, _evaluation_pix2pix
from experiments._evaluation_distances import Distances
from experiments._png_files import make_writable
from experiments._saved_model import load_saved_model
from tf_gen.errors import UserError
from tf_gen.training.run_dir import RunDir

KINDS = {  # experiment of config.json -> (what it is, functions that its SavedModel has, figures)
    "pix2pix_maps": (
        "pix2pix", ["translate", "translate_noisy"], _evaluation_pix2pix.figures,
    ),
    "vae_anime": ("VAE", ["encode", "decode", "sample"], _evaluation_faces.vae_figures),
    "vae_cartoon": ("VAE", ["encode", "decode", "sample"], _evaluation_faces.vae_figures),
    "vq_vae_faces/vae": ("VAE", ["encode", "decode", "sample"], _evaluation_faces.vae_figures),
    "cvae_faces": ("VAE", ["encode", "decode", "sample"], _evaluation_faces.cvae_figures),
    "vq_vae_faces": ("VQ-VAE", ["encode", "reconstruct"], _evaluation_faces.vq_vae_figures),
}  # fmt: skip


def evaluate(config) -> None:
    """Measure a run's SavedModel and write the figures as JSON and as a table."""
    run = RunDir(config.run_dir, writing=False)
    record, before = run.read("config.json"), run.read("metrics.json")
    if record is None or record.get("experiment") not in KINDS:
        raise UserError(f"--run-dir {config.run_dir}: no run of a training command")
    if before is None:
        raise UserError(f"--run-dir {config.run_dir}: not finished, it has no metrics.json yet")
    output = config.output or config.run_dir
    make_writable(output)
    kind, functions, figures = KINDS[record["experiment"]]
    model = load_saved_model("run-dir", config.run_dir, kind, functions)
    found = figures(config, model, run_options(record, config), Distances(config))
    prefixed = {
        name if config.split == "val" else name.replace("val_", f"{config.split}_", 1): value
        for name, value in found.items()
    }
    about = {"experiment": record["experiment"], "split": config.split, "steps": before["steps"]}
    write_figures(output / f"evaluation_{config.split}", about | prefixed, before)
    print(f"{output}: evaluation_{config.split}.json and .md")


def run_options(record: dict, config) -> types.SimpleNamespace:
    """The run's own options, its data exchanged if other data are given."""
    fields = {**record["identity"], **record["settings"]}
    if config.data is not None:
        fields |= {"data": config.data, "data_dir": None, "skip_unreadable": True}
    if config.data_dir is not None:
        fields["data_dir"] = config.data_dir
    if fields.get("data_dir"):
        fields["data_dir"] = Path(fields["data_dir"])
    fields["run_dir"] = config.run_dir
    return types.SimpleNamespace(**fields, experiment=record["experiment"])


def write_figures(path: Path, found: dict, before: dict) -> None:
    """``path``.json, and ``path``.md, in which the run's own metrics.json stands beside them."""
    found = {
        name: None if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in found.items()
    }
    path.with_suffix(".json").write_text(json.dumps(found, indent=2, allow_nan=False) + "\n")

    def cell(value):
        return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)

    rows = [
        f"| {name} | {cell(value)} | {cell(before.get(name))} |" for name, value in found.items()
    ]
    head = ["| figure | from the SavedModel | when training ended |", "|---|---|---|"]
    path.with_suffix(".md").write_text("\n".join([*head, *rows]) + "\n")
