"""A training command from its configuration to a complete run folder.

What differs from model to model is a *task*, an object with

- ``source`` (``synthetic``, ``folder`` ...) and ``note`` on it, ``counts`` (of training and
  validation examples), ``digests``, ``files`` (of ``_data``; () if drawn): set when it is made,
  which reads or draws its data;
- ``epochs``, ``title``, ``loading`` (how the run's README says to load the model);
- ``refuse_changes(folder)``: raises UserError where an option may no longer change;
- ``build() -> (model, parts)``: compiled and built, and what a checkpoint holds;
- ``start(folder)``: what is done before the first step of a new run;
- ``best`` (network) and ``by`` (log): whose weights are kept at their best epoch;
- ``shown``: names of the logs on the progress line;
- ``watchers(scalars, figures)``: callbacks of its own;
- ``batches(first_step, last_step, parts=WHOLE)``, ``validate() -> dict``;
- ``draw_data(figures)``, ``finish(folder) -> dict``: measures, draws and exports.
"""

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from experiments.data.account import check_data_dir, files_summary, write_files
from experiments.launch.cli import DONE, Stopped, default_run_dir
from experiments.launch.markdown import table
from experiments.runs.readme import write_readme
from experiments.runs.replicas import Built, check_strategy, is_chief, make_strategy
from tf_gen.data import steps_per_epoch
from tf_gen.errors import UserError
from tf_gen.training import callbacks
from tf_gen.training.checkpoints import Checkpoints, MetricVariables
from tf_gen.training.loop import train
from tf_gen.training.run_dir import RunDir, run_record

NOT_IDENTITY = (  # options that may change when a run is continued
    "data", "data_dir", "cache_gib", "run_dir", "epochs", "decay_epochs", "max_steps", "vae_run",
    "vae_epochs", "checkpoint_minutes", "checkpoint_steps", "log_every", "skip_unreadable",
    "deterministic", "strategy", "xla",
)  # fmt: skip


def train_run(name: str, config, make_task) -> int:
    """Read data, train (or go on), measure, draw and export; returns the exit code.

    Args: make_task: config -> a task as above.
    """
    strategy = make_strategy(config.strategy)
    replicas, chief = check_strategy(config, strategy), is_chief(strategy)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    check_data_dir(config)
    with RunDir(config.run_dir or default_run_dir(name), writing=chief) as folder:
        print(f"run folder: {folder.path}")
        task = make_task(config)
        print(f"data: {task.counts[0]} training and {task.counts[1]} validation examples")
        record = run_record(name, *_fields(config, task))
        continuing = folder.compare(record)
        task.refuse_changes(folder)
        epoch_steps = steps_per_epoch(task.counts[0], config.batch_size, replicas)
        total = min(task.epochs * epoch_steps, config.max_steps or task.epochs * epoch_steps)
        if steps := _finished(folder, total):
            limit = "max-steps" if total < task.epochs * epoch_steps else "epochs"
            print(f"{folder.path}: this run is finished ({steps} steps); raise --{limit} to go on")
            return DONE

        built = Built(task, strategy)
        scalars = callbacks.TensorBoardScalars(
            folder / "logs", config.batch_size, _markdown(record), _hparams(record)
        )
        checkpoints = _checkpoints(config, folder, task, built, scalars)
        step = checkpoints.restore()
        if step > total:
            raise UserError(
                f"{folder.path} has reached step {step}; give --epochs and --max-steps for as many"
            )
        if continuing:
            print(f"{folder.path}: goes on from step {step} of {total}")
        if step == 0:
            task.start(folder)
            built.start()
        watchers = []
        if chief:
            folder.write("config.json", record)
            if task.files:
                write_files(folder / "data.csv", task.files)
            task.draw_data(folder / "figures")
            watchers = [
                callbacks.ProgressBar(config.batch_size, task.shown),
                callbacks.History(folder / "logs"),
                scalars,
                *task.watchers(scalars, folder / "figures"),
            ]
        steps = step, total, epoch_steps
        if stopped := _train(config, folder, task, built, strategy, watchers, checkpoints, steps):
            raise Stopped(stopped, folder.path)
        if chief:
            print("measuring, drawing and exporting")
            built.show()
            _finish(config, folder, task, checkpoints, total, epoch_steps)
            print(f"{folder.path}: done; its README.md shows the figures and how to load the model")
    return DONE


def _fields(config, task) -> tuple[dict, dict]:
    """(What makes a run this run, the rest of the configuration)."""
    fields = {
        name: str(value.resolve()) if isinstance(value, Path) else value
        for name, value in dataclasses.asdict(config).items()
    }
    settings = {name: fields.pop(name) for name in NOT_IDENTITY if name in fields}
    if task.note:
        settings["data_note"] = task.note
    return fields | task.digests, settings


def _finished(folder: RunDir, total: int) -> int:
    """The steps of a finished run that are enough; else 0."""
    steps = (folder.read("metrics.json") or {}).get("steps", 0)
    return steps if steps >= total else 0


def _checkpoints(config, folder, task, built, scalars) -> Checkpoints:
    parts = dict(built.parts)
    if config.strategy != "multi_worker":  # there all workers would have to save metrics at once
        parts["metrics"] = MetricVariables(built.model)
    return Checkpoints(
        folder / "checkpoints", parts, step=built.model.optimizer.iterations,
        minutes=config.checkpoint_minutes, steps=config.checkpoint_steps,
        best=task.best, by=task.by, first=scalars.flush,
    )  # fmt: skip


def _train(config, folder, task, built, strategy, watchers, checkpoints, steps) -> int | None:
    """Train to the end; returns the signal's number if one stopped it before.

    Only the process that has watchers validates and writes.
    """
    step, total, epoch_steps = steps

    def validate():
        built.show()
        with stop.at_once():
            return task.validate()

    owed = bool(watchers) and _owes_epoch_end(folder / "logs", step, total, epoch_steps)
    began = (step - 1 if owed else step) // epoch_steps * epoch_steps
    with callbacks.StopOnSignal() as stop:
        train(
            built.model,
            task.batches,
            steps_per_epoch=epoch_steps,
            total_steps=total,
            first_step=step,
            owes_epoch_end=owed,
            earlier_logs=_earlier_logs(folder / "logs" / "steps.csv", began, step),
            validate=validate if watchers else None,
            strategy=strategy,
            log_every=config.log_every,
            xla=config.xla,
            callbacks=[*watchers, stop, checkpoints] if watchers else [stop],
        )
    return stop.received


def _owes_epoch_end(logs: Path, step: int, total: int, epoch_steps: int) -> bool:
    """Whether a stop left the epoch that this step ended without its validation."""
    done = step // epoch_steps  # rows of a last epoch cut short are dropped when a run goes on
    rows = sum(row["epoch"] <= done for row in callbacks.read_csv(logs / "epochs.csv"))
    ended = step % epoch_steps == 0 or step == total
    return ended and rows < step / epoch_steps and (logs / "steps.csv").exists()


def _earlier_logs(steps_csv: Path, last: int, step: int) -> list[dict]:
    """What each step after ``last`` logged, up to this one."""
    rows = [row for row in callbacks.read_csv(steps_csv) if last < row["step"] <= step]
    logs = []
    for row in rows:  # of one step, or the mean of those since the row before (--log-every)
        steps, last = round(row["step"] - last), row["step"]
        del row["step"], row["step_seconds"]
        # logs are float32, of which the nine digits of a CSV are a rounding
        logs += [{name: float(np.float32(value)) for name, value in row.items()}] * steps
    return logs


def _finish(config, folder, task, checkpoints, total, epoch_steps):
    """All figures, pictures, the SavedModel, and last metrics.json and the README."""
    found = task.finish(folder)
    checkpoints.keep_newest()
    rows = callbacks.read_csv(folder / "logs" / "steps.csv")
    step_seconds = np.array([row["step_seconds"] for row in rows])
    steps = np.diff([0, *(row["step"] for row in rows)])  # that each row stands for
    seconds = callbacks.median_seconds(step_seconds)
    folder.write(
        "metrics.json",
        {
            "data_source": task.source,
            **({"data_note": task.note} if task.note else {}),
            "train_examples": task.counts[0],
            "val_examples": task.counts[1],
            "epochs": total / epoch_steps,
            "steps": total,
            **found,
            "train_step_seconds": seconds,
            "train_seconds": float(np.nansum(steps * step_seconds)),
            "images_per_second": config.batch_size / seconds,
        },
    )
    about_files = files_summary(task.files) if task.files else []
    write_readme(folder, task.title, task.loading, about_files)


def image_summary(name, draw):
    """For ``EpochSummary``: a picture by epoch. ``draw() -> uint8 [H, W, 3]``."""
    return lambda epoch: tf.summary.image(name, draw()[None], step=epoch)


def dtype_policy(precision: str) -> str:
    """The Keras dtype policy of ``--precision``; warns where the hardware has no bfloat16."""
    if precision == "bfloat16" and not has_bfloat16():
        print("warning: no bfloat16 in this processor's hardware: it will be slower than float32")
    return {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]


def has_bfloat16() -> bool:
    """Whether a GPU, or this processor as far as Linux tells, computes in bfloat16."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else "avx512_bf16"
    return (
        "avx512_bf16" in flags
        or "amx_bf16" in flags
        or bool(tf.config.list_physical_devices("GPU"))
    )


def _hparams(record: dict) -> dict:
    """What TensorBoard's table compares: the options that make a run, not its data's digests."""
    return {k: v for k, v in record["identity"].items() if not k.endswith("_digest")}


def _markdown(record: dict) -> str:
    """config.json as a Markdown table, for TensorBoard's text tab."""
    made_with = {name: record[name] for name in ("commit", "machine")}
    fields = {**record["identity"], **record["settings"], **record["versions"], **made_with}
    return "\n".join(table(["field", "value"], fields.items(), 6))
