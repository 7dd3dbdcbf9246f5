"""What ``experiments.evaluate`` does: the part that needs TensorFlow."""

import types
from pathlib import Path

from experiments.launch.markdown import table
from experiments.launch.output import make_writable
from experiments.launch.saved_models import load_saved_model
from experiments.measures import faces as _evaluation_faces
from experiments.measures import pix2pix as _evaluation_pix2pix
from experiments.measures.distances import Distances
from tf_gen.errors import UserError
from tf_gen.training.run_dir import RunDir

_VAE = "VAE", ["encode", "decode", "sample"]
KINDS = {  # experiment of config.json -> (what it is, functions that its SavedModel has, figures)
    "pix2pix_maps": ("pix2pix", ["translate", "translate_noisy"], _evaluation_pix2pix.figures),
    **dict.fromkeys(
        ("vae_anime", "vae_cartoon", "vq_vae_faces/vae"), (*_VAE, _evaluation_faces.vae_figures)
    ),
    "cvae_faces": (*_VAE, _evaluation_faces.cvae_figures),
    "vq_vae_faces": ("VQ-VAE", ["encode", "reconstruct"], _evaluation_faces.vq_vae_figures),
}


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
    write_figures(output, f"evaluation_{config.split}", about | prefixed, before)
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


def write_figures(folder: Path, name: str, found: dict, before: dict) -> None:
    """``name``.json, and ``name``.md, in which the run's own metrics.json stands beside them."""
    RunDir(folder, writing=False).write(f"{name}.json", found)
    rows = [[name, value, before.get(name)] for name, value in found.items()]
    head = ["figure", "from the SavedModel", "when training ended"]
    (folder / f"{name}.md").write_text("\n".join(table(head, rows, digits=6)))
