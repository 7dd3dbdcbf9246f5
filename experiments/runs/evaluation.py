"""A finished run measured again, by the function that measured it when its training ended."""

import functools
import types
from pathlib import Path

from experiments.launch.errors import UsageError
from experiments.launch.markdown import table
from experiments.launch.options import defaults_of
from experiments.launch.output import make_writable
from experiments.launch.saved_models import load_saved_model
from experiments.measures.asked import Asked
from experiments.measures.distances import Distances
from experiments.tasks.cvae import CvaeTask
from experiments.tasks.pix2pix import Pix2PixTask
from experiments.tasks.vae import VaeTask
from experiments.tasks.vq_vae import VqVaeTask
from tf_gen.training.run_dir import RunDir

_anime, _cartoon = (functools.partial(VaeTask, style=style) for style in ("anime", "cartoon"))
_VAE = "VAE", ["encode", "decode", "sample"]
KINDS = {  # experiment of config.json -> (task, what it is, functions that its SavedModel has)
    "pix2pix_maps": (Pix2PixTask, "pix2pix", ["translate", "translate_noisy"]),
    "vae_anime": (_anime, *_VAE),
    "vae_cartoon": (_cartoon, *_VAE),
    "vq_vae_faces/vae": (_anime, *_VAE),  # an older version trained one in the run of a VQ-VAE
    "cvae_faces": (CvaeTask, *_VAE),
    "vq_vae_faces": (VqVaeTask, "VQ-VAE", ["encode", "reconstruct"]),
}


def evaluate(config) -> None:
    """Measure a run's SavedModel and write the figures as JSON and as a table."""
    run = RunDir(config.run_dir, writing=False)
    record, before = run.read("config.json"), run.read("metrics.json")
    if record is None or record.get("experiment") not in KINDS:
        raise UsageError(f"--run-dir {config.run_dir}: no run of a training command")
    if before is None:
        raise UsageError(f"--run-dir {config.run_dir}: not finished, it has no metrics.json yet")
    output = config.output or config.run_dir
    make_writable(output)
    make_task, kind, functions = KINDS[record["experiment"]]
    model = load_saved_model("run-dir", config.run_dir, kind, functions)
    asked = _asked(config)
    task = make_task(run_options(record, config))
    found = {
        name if config.split == "val" else name.replace("val_", f"{config.split}_", 1): value
        for name, value in task.measure(model, asked).items()
    }
    about = {"experiment": record["experiment"], "split": config.split, "steps": before["steps"]}
    write_figures(output, f"evaluation_{config.split}", about | found, before)
    print(f"{output}: evaluation_{config.split}.json and .md")


def _asked(config) -> Asked:
    reader, wanted = None, config.inception_weights or config.keras_inception
    if config.reader is not None:
        reader = load_saved_model("reader", config.reader, "pix2pix", ["translate", "sizes"])
    return Asked(config.split, config.seed, Distances(config) if wanted else None, reader)


def run_options(record: dict, config) -> types.SimpleNamespace:
    """The run's own options, its data exchanged if other data are given; one that an older version
    did not know stands at its default."""
    make_task = KINDS[record["experiment"]][0]
    options = getattr(make_task, "func", make_task).options
    fields = {**defaults_of(options), **record["identity"], **record["settings"]}
    if config.data is not None:
        fields |= {"data": config.data, "data_dir": None, "skip_unreadable": True}
    if config.data_dir is not None:
        fields["data_dir"] = config.data_dir
    if fields.get("data_dir"):
        fields["data_dir"] = Path(fields["data_dir"])
    fields["run_dir"] = config.run_dir
    return types.SimpleNamespace(**fields)


def write_figures(folder: Path, name: str, found: dict, before: dict) -> None:
    """``name``.json, and ``name``.md, in which the run's own metrics.json stands beside them."""
    RunDir(folder, writing=False).write(f"{name}.json", found)
    rows = [[name, value, before.get(name)] for name, value in found.items()]
    head = ["figure", "from the SavedModel", "when training ended"]
    (folder / f"{name}.md").write_text("\n".join(table(head, rows, digits=6)))
