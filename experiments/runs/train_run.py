"""A training command from its configuration to a complete run folder.

What differs from model to model is a task, see ``experiments.tasks.task``.
"""

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from experiments.data.account import files_summary, write_files
from experiments.launch.cli import DONE
from experiments.launch.errors import Stopped, UsageError
from experiments.launch.markdown import table
from experiments.launch.options import default_run_dir, defaults_of, settings_of
from experiments.measures.asked import Asked
from experiments.runs.readme import write_readme
from experiments.runs.replicas import Replicated, check_strategy, is_chief, make_strategy
from tf_gen.data import steps_per_epoch
from tf_gen.training import callbacks, history
from tf_gen.training.checkpoints import Checkpoints, MetricVariables, newest_step
from tf_gen.training.loop import train
from tf_gen.training.run_dir import RunDir, run_record, save_model


def train_run(name: str, config, make_task) -> int:
    """Read data, train (or go on), measure, draw and export; returns the exit code.

    Args: make_task: config -> a ``Task``.
    """
    strategy = make_strategy(config.strategy)
    replicas, chief = check_strategy(config, strategy), is_chief(strategy)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    with RunDir(config.run_dir or default_run_dir(name), writing=chief) as folder:
        print(f"run folder: {folder.path}")
        config = dataclasses.replace(config, run_dir=folder.path)
        task = make_task(config)
        count = len(task.data.train)
        print(f"data: {count} training and {len(task.data.val)} validation examples")
        record = run_record(name, *_fields(config, task.data))
        epoch_steps = steps_per_epoch(count, config.batch_size, replicas)
        continuing = _compare(folder, record, config, epoch_steps)
        total = min(config.total_epochs * epoch_steps, config.max_steps or np.inf)
        if steps := _finished(folder, total):
            limit = "max-steps" if total < config.total_epochs * epoch_steps else "epochs"
            print(f"{folder.path}: this run is finished ({steps} steps); raise --{limit} to go on")
            return DONE

        trained = Replicated(task, strategy)
        scalars = callbacks.TensorBoardScalars(
            folder / "logs", config.batch_size, _markdown(record), _hparams(record)
        )
        checkpoints = _checkpoints(config, folder, task, trained, scalars)
        step = checkpoints.restore()
        if step > total:
            raise UsageError(
                f"{folder.path} has reached step {step}; give --epochs and --max-steps for as many"
            )
        if continuing:
            print(f"{folder.path}: goes on from step {step} of {total}")
        if step == 0:
            task.start()
            trained.start()
        watchers = _watchers(config, folder, task, scalars, record) if chief else []
        steps = step, total, epoch_steps
        if stopped := _train(config, folder, task, trained, strategy, watchers, checkpoints, steps):
            raise Stopped(stopped, folder.path)
        if chief:
            print("measuring, drawing and exporting")
            trained.show()
            _finish(config, folder, task, trained, total, epoch_steps)
            checkpoints.keep_newest()
            print(f"{folder.path}: done; its README.md shows the figures and how to load the model")
    return DONE


def _fields(config, data) -> tuple[dict, dict]:
    """(What makes a run this run, the rest of the configuration)."""
    fields = {
        name: str(value.resolve()) if isinstance(value, Path) else value
        for name, value in dataclasses.asdict(config).items()
    }
    settings = {name: fields.pop(name) for name in [*fields] if name in settings_of(config)}
    if data.account.note:
        settings["data_note"] = data.account.note
    digests = {"train_digest": data.train.digest, "val_digest": data.val.digest}
    return fields | digests, settings


def _compare(folder: RunDir, record: dict, config, epoch_steps: int) -> bool:
    """Whether the folder holds this run already. Raises: UserError, UsageError if another."""
    continuing = folder.compare(record, defaults_of(config))
    if continuing:
        before = (folder.read("config.json") or {}).get("settings", {})
        config.refuse_changes(before, newest_step(folder / "checkpoints") / epoch_steps)
    return continuing


def _finished(folder: RunDir, total: int) -> int:
    """The steps of a finished run that are enough; else 0."""
    steps = (folder.read("metrics.json") or {}).get("steps", 0)
    return steps if steps >= total else 0


def _checkpoints(config, folder, task, trained, scalars) -> Checkpoints:
    parts = dict(trained.parts)
    if config.strategy != "multi_worker":  # there all workers would have to save metrics at once
        parts["metrics"] = MetricVariables(trained.model)
    return Checkpoints(
        folder / "checkpoints", parts, step=trained.model.optimizer.iterations,
        minutes=config.checkpoint_minutes, steps=config.checkpoint_steps,
        best=trained.network, by=task.about.best_by, first=scalars.flush,
    )  # fmt: skip


def _watchers(config, folder, task, scalars, record) -> list:
    """The callbacks of the process that writes, and what it writes before the first step."""
    folder.write("config.json", record)
    if task.data.account.files:
        write_files(folder / "data.csv", task.data.account.files)
    return [
        callbacks.ProgressBar(config.batch_size, task.about.shown),
        history.History(folder / "logs"),
        scalars,
        *task.watch(scalars, folder / "figures"),
    ]


def _train(config, folder, task, trained, strategy, watchers, checkpoints, steps) -> int | None:
    """Train to the end; returns the signal's number if one stopped it before.

    Only the process that has watchers validates and writes.
    """
    step, total, epoch_steps = steps
    logs = folder / "logs"

    def validate():
        trained.show()
        with stop.at_once():
            return task.validate()

    owed = bool(watchers) and history.owes_epoch_end(logs, step, total, epoch_steps)
    earlier = ()
    if config.strategy == "multi_worker":  # whose checkpoints hold no metrics
        began = (step - 1 if owed else step) // epoch_steps * epoch_steps
        earlier = history.logs_between(logs, began, step)
    with callbacks.StopOnSignal() as stop:
        train(
            trained.model,
            task.batches,
            steps_per_epoch=epoch_steps,
            total_steps=total,
            first_step=step,
            owes_epoch_end=owed,
            earlier_logs=earlier,
            validate=validate if watchers else None,
            strategy=strategy,
            log_every=config.log_every,
            xla=config.xla,
            callbacks=[*watchers, stop, checkpoints] if watchers else [stop],
        )
    return stop.received


def _finish(config, folder, task, trained, total, epoch_steps) -> None:
    """All figures, pictures, both kinds of model, and last metrics.json and the README."""
    found = task.measure(task.finish(), Asked())
    task.leave(folder.path)
    save_model(trained.network, folder / "model.keras")
    account, data = task.data.account, task.data
    folder.write(
        "metrics.json",
        {
            "data_source": account.source,
            **({"data_note": account.note} if account.note else {}),
            **({"direction": config.direction} if hasattr(config, "direction") else {}),
            "train_examples": len(data.train),
            "val_examples": len(data.val),
            "epochs": total / epoch_steps,
            "steps": total,
            **found,
            **history.speed(folder / "logs", config.batch_size),
        },
    )
    about_files = files_summary(account.files) if account.files else []
    write_readme(folder, task.about.title, task.about.loading, about_files)


def _hparams(record: dict) -> dict:
    """What TensorBoard's table compares: the options that make a run, not its data's digests."""
    return {k: v for k, v in record["identity"].items() if not k.endswith("_digest")}


def _markdown(record: dict) -> str:
    """config.json as a Markdown table, for TensorBoard's text tab."""
    made_with = {name: record[name] for name in ("commit", "machine")}
    fields = {**record["identity"], **record["settings"], **record["versions"], **made_with}
    return "\n".join(table(["field", "value"], fields.items(), 6))
