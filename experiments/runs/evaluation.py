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
from experiments.measures.distances import by_hed, by_inception
from experiments.tasks.code_prior import CodePriorTask
from experiments.tasks.cvae import CvaeTask
from experiments.tasks.pix2pix import ModernTask, Pix2PixTask
from experiments.tasks.pix2pixhd import Pix2PixHDTask
from experiments.tasks.reader import load_reader
from experiments.tasks.spade import SpadeTask
from experiments.tasks.vae import VaeTask
from experiments.tasks.vq_vae import VqVaeTask
from tf_gen.pretrained import run_folder
from tf_gen.training.run_dir import RunDir

_anime, _cartoon = (functools.partial(VaeTask, style=style) for style in ("anime", "cartoon"))
_VAE = "VAE", ["encode", "decode", "sample"]
KINDS = {  # experiment of config.json -> (task, what it is, functions that its SavedModel has)
    "pix2pix_maps": (Pix2PixTask, "pix2pix", ["translate", "translate_noisy"]),
    "pix2pix_maps_modern": (ModernTask, "pix2pix", ["translate", "translate_noisy"]),
    "pix2pixhd_maps": (Pix2PixHDTask, "pix2pix", ["translate", "translate_noisy", "sizes"]),
    "spade_maps": (SpadeTask, "pix2pix", ["translate", "translate_noisy"]),
    "vae_anime": (_anime, *_VAE),
    "vae_cartoon": (_cartoon, *_VAE),
    "vq_vae_faces/vae": (_anime, *_VAE),  # an older version trained one in the run of a VQ-VAE
    "cvae_faces": (CvaeTask, *_VAE),
    "vq_prior": (CodePriorTask, "prior", ["sample", "log_prob", "encode"]),
    "vq_vae_faces": (VqVaeTask, "VQ-VAE", ["encode", "reconstruct"]),
}


def evaluate(config) -> None:
    """Measure a run's SavedModel and write the figures as JSON and as a table."""
    run = RunDir(run_folder(config.run_dir), writing=False)
    record, before = run.read("config.json"), run.read("metrics.json")
    if record is None or record.get("experiment") not in KINDS:
        raise UsageError(f"--run-dir {config.run_dir}: no run of a training command")
    if before is None:
        raise UsageError(f"--run-dir {config.run_dir}: not finished, it has no metrics.json yet")
    make_task, kind, functions = KINDS[record["experiment"]]
    if config.vae_run and make_task is not VqVaeTask:
        raise UsageError("--vae-run: only a VQ-VAE reconstructs what a VAE generates")
    if run.path != config.run_dir and config.output is None:
        raise UsageError("--output: must be given for a ready model, whose folder is the package's")
    output = config.output or config.run_dir
    make_writable(output)
    model = load_saved_model("run-dir", config.run_dir, kind, functions)
    options = run_options(record, config)
    distances = (*by_inception(config), *by_hed())
    asked = Asked(config.split, config.seed, distances, load_reader(config.reader, options))
    task = make_task(options)
    own = config.data is None and not _changed(task, record)
    found = {
        name if config.split == "val" else name.replace("val_", f"{config.split}_", 1): value
        for name, value in task.measure(model, asked).items()
    }
    about = {"experiment": record["experiment"], "split": config.split, "steps": before["steps"]}
    write_figures(
        output,
        f"evaluation_{config.split}",
        about | found,
        before if own and config.split == "val" else None,
    )
    print(f"{output}: evaluation_{config.split}.json and .md")


def _changed(task, record) -> bool:
    """Whether a run's data are no longer those that it was trained on; a line says so."""
    found = {"training": task.data.train.digest, "validation": task.data.val.digest}
    then = dict(
        zip(found, map(record["identity"].get, ("train_digest", "val_digest")), strict=True)
    )
    changed = [name for name, digest in found.items() if then[name] not in (None, digest)]
    if changed:
        print(
            f"warning: {task.config.data}: its {' and '.join(changed)} images are not those of the "
            "training; figures may be of images that were trained on"
        )
    return bool(changed)


def run_options(record: dict, config) -> types.SimpleNamespace:
    """The run's own options, its data exchanged if other data are given; one that an older version
    did not know stands at its default."""
    make_task = KINDS[record["experiment"]][0]
    options = getattr(make_task, "func", make_task).options
    fields = {**defaults_of(options), **record["identity"], **record["settings"]}
    if config.data is not None:
        fields |= {"data": config.data, "data_dir": None, "skip_unreadable": True}
    if config.data_dir is not None:
        if fields["data"] != "report":
            raise UsageError("--data-dir: only --data report looks there; leave it out")
        fields["data_dir"] = config.data_dir
    if fields.get("data_dir"):
        fields["data_dir"] = Path(fields["data_dir"])
    if config.vae_run is not None:
        fields["vae_run"] = config.vae_run
    fields["run_dir"] = config.run_dir
    return types.SimpleNamespace(**fields)


def write_figures(folder: Path, name: str, found: dict, before: dict | None) -> None:
    """``name``.json, and ``name``.md, in which metrics.json stands beside them if it is of the same
    images."""
    RunDir(folder, writing=False).write(f"{name}.json", found)
    head, rows = ["figure", "from the SavedModel"], [[*row] for row in found.items()]
    if before is not None:
        head.append("when training ended")
        rows = [[*row, before.get(row[0])] for row in rows]
    (folder / f"{name}.md").write_text("\n".join(table(head, rows, digits=6)))
