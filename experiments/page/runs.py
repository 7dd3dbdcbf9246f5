"""The runs that the page is made of: which there are, and how to train those that are missing."""

import json
import math
import signal
import statistics
import subprocess
import sys
from pathlib import Path

from experiments.launch.cli import DONE
from experiments.launch.errors import UsageError
from tf_gen.training.history import read_csv

RUNS = {  # name -> (command, its options); in the order in which they are trained
    "vae_anime": ("vae_anime", ()),
    "vae_cartoon": ("vae_cartoon", ()),
    "cvae_faces": ("cvae_faces", ()),
    "vq_vae_faces": ("vq_vae_faces", ()),
    "vq_vae_faces_ema": (  # with all its codes in use
        "vq_vae_faces",
        ("--codebook", "ema", "--codebook-start", "kmeans", "--restart-below", "1"),
    ),
    "vq_prior": ("vq_prior", ()),  # of the latter
    "aerial_to_map": ("pix2pix_maps", ("--direction", "aerial_to_map")),
    "map_to_aerial": ("pix2pix_maps", ("--direction", "map_to_aerial")),
    # alike but in one thing, for two claims
    "short": ("pix2pix_maps", ("--direction", "map_to_aerial")),
    "short_l1_alone": (
        "pix2pix_maps", ("--direction", "map_to_aerial", "--adversarial-weight", "0")
    ),
    "short_patches_alone": (
        "pix2pix_maps", ("--direction", "map_to_aerial", "--reconstruction-weight", "0")
    ),
    "short_input_noise": ("pix2pix_maps", ("--direction", "map_to_aerial", "--noise", "input")),
    # pix2pix' successors, which the report describes; of as many steps as ``short``
    "spade": ("spade_maps", ("--direction", "map_to_aerial")),
    "pix2pixhd": ("pix2pixhd_maps", ("--direction", "map_to_aerial")),
}  # fmt: skip
SHORT = tuple(name for name in RUNS if name.startswith("short"))
SHORT_EPOCHS = 2
SUCCESSORS = {"spade": (2, 16), "pix2pixhd": (1, 8)}  # epochs, of batches of 2 and 1; filters
SYNTHETIC_MAPS_EPOCHS = 2


class Run:
    """A run folder, or its record: what of it can be read. Missing parts are empty.

    Args: others: runs of the same name with other seeds.
    """

    def __init__(self, name: str, folder: Path, others=()):
        self.name, self.folder = name, folder
        self.others = [run for run in others if run.finished]
        self.config, self.metrics, self.evaluation = (
            _read_json(folder / f"{part}.json") for part in ("config", "metrics", "evaluation_val")
        )
        steps = self.metrics.get("steps")
        if self.evaluation.get("steps", steps) != steps:
            self.evaluation = {}  # of before the run was gone on with
        self.epochs = read_csv(folder / "logs" / "epochs.csv")
        if self.finished:
            self._check()

    def _check(self):
        if not {"experiment", "identity", "settings", "versions"} <= set(self.config):
            raise UsageError(f"{self.folder / 'config.json'}: no run's")
        command, options = RUNS[self.name]
        direction = dict(zip(options[::2], options[1::2], strict=True)).get("--direction")
        found = self.config["experiment"], self.options.get("direction")
        if found != (command, direction):
            told = " ".join(str(part) for part in found if part)
            raise UsageError(f"{self.folder}: a run of {told}, not of {self.name}; move it away")

    @property
    def finished(self) -> bool:
        """Whether it came to its end."""
        return bool(self.metrics and self.config)

    @property
    def options(self) -> dict:
        """All that it was started with."""
        return {**self.config["identity"], **self.config["settings"]}

    @property
    def done(self) -> str:
        """Epochs, and of how many if it was cut short."""
        asked = self.options["epochs"] + self.options.get("decay_epochs", 0)
        epochs = self.metrics["epochs"]
        return f"{epochs:.3g}" + (f" of {asked}" if epochs < asked else "")

    @property
    def seeds(self) -> str:
        """Of this run and the others, in words."""
        found = [str(run.options["seed"]) for run in (self, *self.others)]
        return f"seeds {', '.join(found)}" if self.others else f"seed {found[0]}"

    def figure(self, key: str):
        """A measured value, the mean over all seeds; None if there is none."""
        values = self.values(key)
        return statistics.fmean(values) if len(values) > 1 else next(iter(values), None)

    def cell(self, key: str):
        """The same for a table: with the standard deviation over the seeds, where there are
        several."""
        values = self.values(key)
        return self.figure(key) if len(values) < 2 else spread(values)

    def values(self, key: str) -> list:
        """Of each seed that has it."""
        # the evaluation's before the training's own
        found = [(run.evaluation.get(key), run.metrics.get(key)) for run in (self, *self.others)]
        values = [own if value is None else value for value, own in found]
        return [value for value in values if value is not None]

    def values_of_epoch(self, epoch: float, key: str) -> list:
        """Of each seed that has it at that epoch's end."""
        rows = [row for run in (self, *self.others) for row in run.epochs if row["epoch"] == epoch]
        found = [row[key] for row in rows if key in row]
        return [value for value in found if not math.isnan(value)]  # not measured in that epoch

    def picture(self, stem: str) -> Path | None:
        """A PNG (or, in a record, JPEG) of its figures; None if it has none."""
        paths = (self.folder / "figures" / f"{stem}.{ending}" for ending in ("png", "jpg"))
        return next((path for path in paths if path.exists()), None)


def spread(values):
    """The mean of several values with their standard deviation, in words."""
    mean, deviation = statistics.fmean(values), statistics.stdev(values)
    deviation = float(f"{deviation:.1g}")
    return f"{mean:.4g} ± {deviation:g}" if deviation else mean


def read_runs(folder: Path) -> dict[str, Run]:
    """All that the page wants, finished or not. Raises: UsageError if there is no such folder."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    return {name: Run(name, folder / name, _others(name, folder)) for name in RUNS}


def folder_name(name: str, seed: int) -> str:
    """Of a run of this seed; ``Run.others`` are those of seeds but 0."""
    return f"{name}_seed{seed}" if seed else name


def _others(name, folder):
    return [Run(name, path) for path in sorted(folder.glob(f"{name}_seed*"))]


def complete(config) -> int:
    """Train and measure what is missing, one process each; returns the first exit code but 0."""
    for seed in range(config.seeds):
        for name in RUNS:
            if code := _complete_run(config, name, seed):
                return code
    return DONE


def _complete_run(config, name, seed):
    (command, own), folder = RUNS[name], config.runs / folder_name(name, seed)
    if not Run(name, folder).finished:
        vq_vae = config.runs / folder_name("vq_vae_faces_ema", seed)
        if command == "vq_prior" and not (vq_vae / "model.keras").exists():
            print(f"=== {folder.name}: not trained: of {vq_vae.name} there is but a record")
            return DONE
        print(f"=== {folder.name}: training", flush=True)
        options = [
            *own,
            *_training_options(config, command, name),
            "--seed",
            seed,
            "--run-dir",
            folder,
        ]
        if command == "vq_prior":
            options += ["--vq-run", vq_vae]
        vae = config.runs / folder_name("vae_anime", seed)
        if command == "vq_vae_faces" and (vae / "saved_model").is_dir():
            options += ["--vae-run", vae]
        if code := start(command, options):
            return code
    wanted = "val_fid" if config.inception_weights else "experiment"
    if wanted not in Run(name, folder).evaluation and (folder / "saved_model").is_dir():
        print(f"=== {folder.name}: measuring", flush=True)
        return start("evaluate", _evaluation_options(config, name, folder))
    return DONE


def _training_options(config, command, name):
    options = []
    if command != "vq_prior":  # which takes what its VQ-VAE was trained on
        options = ["--data", config.data]
        options += ["--data-dir", config.data_dir] if config.data_dir else []
    if config.max_steps:
        options += ["--max-steps", config.max_steps]
    if command == "pix2pix_maps":
        epochs = config.maps_epochs or (SYNTHETIC_MAPS_EPOCHS if config.data == "synthetic" else 10)
        epochs = min(epochs, SHORT_EPOCHS) if name in SHORT else epochs
        options += ["--epochs", epochs, "--filters", config.filters]
        options += ["--image-size", config.image_size]
    if name in SUCCESSORS:
        epochs, filters = SUCCESSORS[name]
        # of crops twice as large as pix2pix' images; three discriminators need 96 pixels
        size = max(96, 2 * config.image_size) if name == "pix2pixhd" else config.image_size
        options += ["--epochs", epochs, "--filters", min(filters, config.filters)]
        options += ["--image-size", size]
    return options


def _evaluation_options(config, name, folder):
    options = ["--run-dir", folder]
    if config.inception_weights:
        options += ["--inception-weights", config.inception_weights]
    reader = config.runs / "aerial_to_map"
    if name == "map_to_aerial" and (reader / "saved_model").is_dir():
        options += ["--reader", reader]
    return options


def start(command, options) -> int:
    """Run a command of ours and wait for its end, as it ends by itself after a signal, too."""
    line = [sys.executable, "-m", f"experiments.{command}", *map(str, options)]
    with subprocess.Popen(line) as process:
        try:
            return process.wait()
        except KeyboardInterrupt as stop:
            if getattr(stop, "number", None) == signal.SIGTERM:  # a terminal's reach both
                process.terminate()
            process.wait()
            raise


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UsageError(f"{path}: not readable as JSON ({error})") from error
