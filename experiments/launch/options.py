"""Options that every training command has; "report" or "ours" says where a default comes from."""

import dataclasses
import itertools
import math
from datetime import datetime
from pathlib import Path
from typing import Literal

from experiments.launch.errors import UsageError


def may_change(default):
    """A field that does not make a run: its value may be another when the run goes on."""
    return dataclasses.field(default=default, metadata={"may_change": True})


def settings_of(options) -> set[str]:
    """The names of such fields of a class of options, or of an object of it."""
    return {f.name for f in dataclasses.fields(options) if f.metadata.get("may_change")}


def defaults_of(options) -> dict:
    """{field: default} of a class of options that have one each."""
    return {field.name: field.default for field in dataclasses.fields(options)}


def check_given(**texts: str | None) -> None:
    """Raise UsageError for an option that is an empty text, as of an unset variable of the shell.

    Args: texts: option=value of each.
    """
    for name, text in texts.items():
        if text == "":
            raise UsageError(f"{_option(name)}: is empty")


def check_untouched(options, *names: str, why: str) -> None:
    """Raise UsageError for an option of these that is given though nothing comes of it."""
    defaults = defaults_of(options)
    for name in names:
        if getattr(options, name) != defaults[name]:
            raise UsageError(f"{_option(name)}: {why}; leave it out")


def check_range(low, high=None, *, open_low=False, **values) -> None:
    """Raise UsageError for an option that lies outside [low, high], or (low, high].

    Args: values: option=value of each; None passes, of a tuple each value is looked at.
    """
    for name, value in values.items():
        for one in value if isinstance(value, tuple) else (value,):
            if one is None or _lies_in(one, low, high, open_low):
                continue
            bound = f"more than {low}" if open_low else f"at least {low}"
            most = "" if high is None else f" and at most {high}"
            raise UsageError(f"{_option(name)} {one}: must be {bound}{most}")


def _lies_in(value, low, high, open_low):
    above = value > low if open_low else value >= low
    return math.isfinite(value) and above and (high is None or value <= high)


def _option(name):
    return f"--{name.replace('_', '-')}"


def default_run_dir(name: str) -> Path:
    """``runs/NAME/<date-time>``, made here: what starts within the same second gets another."""
    time = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    for number in itertools.count(1):
        folder = Path("runs") / name / (time if number == 1 else f"{time}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Options of every training command, in the order of ``--help``."""

    data: str = may_change("synthetic")
    """synthetic (drawn by the package, no download), report (the published set), or a folder."""
    data_dir: Path | None = may_change(None)
    """For report: where downloads go, and where your own archives or unpacked folders lie.
    Default: that of TensorFlow Datasets, ~/tensorflow_datasets."""
    run_dir: Path | None = may_change(None)
    """Where the run lives; one that is there is continued. Default: runs/<command>/<time>."""
    epochs: int = may_change(10)
    """Times that each example is shown (report)."""
    max_steps: int | None = may_change(None)
    """Stop after so many optimisation steps in all."""
    batch_size: int = 64
    """Examples in a step (ours)."""
    gradient_accumulation: int = 1
    """Steps whose mean gradient makes one update: as a batch so many times as large, in the memory
    of one, but for batch normalisation, free bits, and a codebook's averages and restarts (report:
    1)."""
    learning_rate: float = 1e-3
    """Of Adam (ours)."""
    seed: int = 0
    """Of weights, noise, the order of the data and its jitter, if any (ours)."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Compute type; weights, losses and statistics stay float32 (ours). float16, with loss scaling,
    is for GPUs that have no bfloat16 (T4 ...)."""
    checkpoint_minutes: float = may_change(5.0)
    """A checkpoint at least this often."""
    checkpoint_steps: int | None = may_change(None)
    """A checkpoint every so many steps besides."""
    log_every: Literal["auto"] | int = may_change("auto")
    """Steps between readings of the logs, which are then means over them. auto: 1 on a processor,
    10 on a GPU, which works on meanwhile."""
    xla: Literal["auto", "on", "off"] = may_change("auto")
    """Whether XLA compiles the training step, which takes up to a minute or two. auto: with one
    GPU and 1,000 steps or more to go, without --strategy and --deterministic; not on a processor,
    where it is slower."""
    strategy: Literal["none", "mirrored", "multi_worker"] = may_change("none")
    """Several devices share each batch: mirrored: all GPUs (without one, the processor as two);
    multi_worker: the processes that TF_CONFIG names (docs/reliability.md)."""
    deterministic: bool = may_change(False)
    """The same weights to the bit from run to run on one machine; slower (docs/reliability.md)."""
    cache_gib: float | None = may_change(None)
    """Memory for decoded images; those beyond it are kept in a file beside the data. Default: a
    quarter of the memory that is free."""
    skip_unreadable: bool = may_change(False)
    """Go on without files that cannot be read, counted and listed, instead of refusing."""

    def check(self) -> None:
        """Raise UsageError for an empty name, or a number out of range."""
        check_given(data=self.data)
        if self.data_dir is not None and self.data != "report":
            raise UsageError("--data-dir: only --data report looks there; give --data a folder")
        if self.data_dir is not None and self.data_dir.is_file():
            raise UsageError(f"--data-dir {self.data_dir}: a file; give the folder that it lies in")
        check_range(
            1,
            epochs=self.epochs,
            batch_size=self.batch_size,
            gradient_accumulation=self.gradient_accumulation,
            log_every=None if self.log_every == "auto" else self.log_every,
            max_steps=self.max_steps,
            checkpoint_steps=self.checkpoint_steps,
        )
        check_range(
            0.0,
            open_low=True,
            learning_rate=self.learning_rate,
            checkpoint_minutes=self.checkpoint_minutes,
        )
        check_range(0, 2**31 - 2, seed=self.seed)
        check_range(0.0, cache_gib=self.cache_gib)
        if self.gradient_accumulation > 1 and self.strategy != "none":
            raise UsageError(
                "--gradient-accumulation: is for one device; leave it or --strategy "
                f"{self.strategy} out"
            )
        if self.xla == "on" and self.strategy != "none":
            raise UsageError(
                f"--xla on: is for one device; leave it or --strategy {self.strategy} out"
            )

    @property
    def accumulation(self) -> dict[str, int]:
        """What an optimiser is given for --gradient-accumulation."""
        steps = self.gradient_accumulation
        return {"gradient_accumulation_steps": steps} if steps > 1 else {}

    @property
    def total_epochs(self) -> int:
        """Epochs of the whole training."""
        return self.epochs

    def refuse_changes(self, before: dict, epochs_done: float) -> None:
        """Raise UsageError where an option may no longer change.

        Args: before: the options that the run was last started with.
        """
