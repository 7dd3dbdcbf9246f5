"""A training command from its configuration to a complete run folder.

What differs from model to model is a task, see ``experiments.tasks.task``.
"""

import dataclasses
from pathlib import Path

import tensorflow as tf

from experiments.data.account import files_summary, write_files
from experiments.launch.cli import DONE
from experiments.launch.errors import Stopped, UsageError
from experiments.launch.options import default_run_dir, defaults_of, settings_of
from experiments.measures.asked import Asked
from experiments.measures.distances import by_hed
from experiments.runs import device
from experiments.runs.readme import config_table, write_readme
from experiments.runs.replicas import (
    Replicated,
    check_strategy,
    is_chief,
    make_strategy,
    replicas_of,
)
from tf_gen.data import steps_per_epoch
from tf_gen.optimizers import step_counter
from tf_gen.training import callbacks, history
from tf_gen.training.checkpoints import (
    Checkpoints,
    MetricVariables,
    newest_step,
    patience_ends,
)
from tf_gen.training.loop import train
from tf_gen.training.run_dir import RunDir, run_record, save_model


def train_run(name: str, config, make_task) -> int:
    """Read data, train (or go on), measure, draw and export; returns the exit code.

    Args: make_task: config -> a ``Task``.
    """
    strategy = make_strategy(config.strategy)
    check_strategy(config, strategy)
    _check_apart(config)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    with RunDir(config.run_dir or default_run_dir(name), writing=is_chief(strategy)) as folder:
        print(f"run folder: {folder.path}")
        config = dataclasses.replace(config, run_dir=folder.path)
        run = Run(name, config, folder, make_task(config), strategy)
        if not run.is_finished():
            run.begin()
            run.train()
            if run.is_chief:
                run.finish()
    return DONE


def _check_apart(config) -> None:
    """Raise UsageError if the run's pictures would be among the images of the next."""
    run, data = config.run_dir or Path("runs"), Path(config.data)
    if config.data not in ("synthetic", "report") and run.resolve().is_relative_to(data.resolve()):
        raise UsageError(
            f"--run-dir {run}: lies in --data {data}, so that its pictures would be trained on; "
            "choose a folder outside"
        )


class Run:
    """One run: what it was asked for, its folder, its task, and how far it is to go.

    Raises: UserError or UsageError if the folder holds another run, or one that cannot go on so.
    """

    def __init__(self, name, config, folder: RunDir, task, strategy):
        self.config, self.folder, self.task, self.strategy = config, folder, task, strategy
        self.patience = getattr(config, "patience", None)  # of what is judged by its loss
        self.is_chief = is_chief(strategy)  # whether this process validates and writes
        count = len(task.data.train)
        print(f"data: {count} training and {len(task.data.val)} validation examples")
        self.epoch_steps = steps_per_epoch(count, config.batch_size, replicas_of(strategy))
        self.all_steps = config.total_epochs * self.epoch_steps
        self.last_step = min(self.all_steps, config.max_steps or self.all_steps)
        self.planned = self.last_step
        self.record = run_record(name, *self._fields())
        self.goes_on = folder.compare(self.record, defaults_of(config))
        self.before = folder.read("config.json")["settings"] if self.goes_on else {}
        if self.goes_on:
            reached = newest_step(folder / "checkpoints")
            config.refuse_changes(self.before, reached / self.epoch_steps)
            if patience_ends(folder / "checkpoints", self.patience, reached / self.epoch_steps):
                self.last_step = reached

    def _fields(self) -> tuple[dict, dict]:
        """(What makes a run this run, the rest of the configuration)."""
        data = self.task.data
        fields = {
            name: str(value.resolve()) if isinstance(value, Path) else value
            for name, value in dataclasses.asdict(self.config).items()
        }
        free = settings_of(self.config)
        settings = {name: fields.pop(name) for name in [*fields] if name in free}
        if data.account.note:
            settings["data_note"] = data.account.note
        digests = {"train_digest": data.train.digest, "val_digest": data.val.digest}
        return fields | digests, settings

    def is_finished(self) -> bool:
        """Whether all of it was done before; then says so."""
        steps = (self.folder.read("metrics.json") or {}).get("steps", 0)
        if steps < max(self.last_step, 1):
            return False
        limit = "max-steps" if self.planned < self.all_steps else "epochs"
        limit = "patience" if self.last_step < self.planned else limit
        print(f"{self.folder.path}: this run is finished ({steps} steps); raise --{limit} to go on")
        return True

    def begin(self) -> None:
        """Build the model, and read the newest checkpoint or start anew."""
        config, folder, task = self.config, self.folder, self.task
        self.trained = Replicated(task, self.strategy, self.epoch_steps)
        hparams = {k: v for k, v in self.record["identity"].items() if not k.endswith("_digest")}
        self.scalars = callbacks.TensorBoardScalars(
            folder / "logs", config.batch_size, "\n".join(config_table(self.record)), hparams
        )
        parts = dict(self.trained.parts)
        if config.strategy != "multi_worker":  # there all workers would have to save them at once
            parts["metrics"] = MetricVariables(self.trained.model)
        self.checkpoints = Checkpoints(
            folder / "checkpoints", parts, step=step_counter(self.trained.model.optimizer),
            minutes=config.checkpoint_minutes, steps=config.checkpoint_steps,
            best=self.trained.network, by=task.about.best_by, before_save=self.scalars.flush,
            patience=self.patience,
        )  # fmt: skip
        self.step = self.checkpoints.restore()
        if self.step > self.last_step:
            raise UsageError(
                f"{folder.path} has reached step {self.step}; give --epochs and --max-steps for as "
                "many"
            )
        if self.goes_on:
            print(f"{folder.path}: goes on from step {self.step} of {self.last_step}")
        if self.step == 0:
            task.start()
            self.trained.start()  # copies the started weights to the replicas
        self._choose_compilation()

    def _choose_compilation(self) -> None:
        """``--xla``, and what it comes to, in the record."""
        # before 0.2.0 the option itself said it
        did_before = self.before.get("xla_compiled", self.before.get("xla")) if self.step else None
        compiled = device.compiles(self.config, self.last_step - self.step, did_before)
        self.trained.model.jit_compile = compiled
        self.record["settings"]["xla_compiled"] = compiled

    def train(self) -> None:
        """Train to the end. Raises: Stopped by a signal, a checkpoint written."""
        logs, task, steps = self.folder / "logs", self.task, self.epoch_steps
        watchers = []
        if self.is_chief:
            self._write_start()
            watchers = self._watchers()
        owed = self.is_chief and history.owes_epoch_end(logs, self.step, self.last_step, steps)
        earlier = ()
        if self.config.strategy == "multi_worker":  # whose checkpoints hold no metrics
            # the epoch under way, or the one just ended whose end is owed
            began = (self.step - 1 if owed else self.step) // steps * steps
            earlier = history.logs_between(logs, began, self.step)

        with callbacks.StopOnSignal() as stop:

            def validate():
                stop.check()
                self.trained.sync()
                return task.validate(stop.check)

            self.last_step = train(
                self.trained.model,
                task.batches,
                steps_per_epoch=steps,
                total_steps=self.last_step,
                first_step=self.step,
                owes_epoch_end=owed,
                earlier_logs=earlier,
                validate=validate if self.is_chief else None,
                strategy=self.strategy,
                log_every=device.log_every(self.config),
                callbacks=[*watchers, stop, self.checkpoints] if self.is_chief else [stop],
            )
        if stop.received:
            raise Stopped(stop.received, self.folder.path)

    def _write_start(self) -> None:
        """What is known before the first step."""
        self.folder.write("config.json", self.record)
        if files := self.task.data.account.files:
            write_files(self.folder / "data.csv", files)

    def _watchers(self) -> list:
        """What writes and draws as training goes."""
        folder, task = self.folder, self.task
        return [
            callbacks.ProgressBar(self.config.batch_size, task.about.progress_logs),
            history.History(folder / "logs"),
            self.scalars,
            *task.watch(self.scalars, folder / "figures"),
        ]

    def finish(self) -> None:
        """All figures, pictures, both kinds of model, and last metrics.json and the README."""
        print("measuring, drawing and exporting")
        folder, task, account = self.folder, self.task, self.task.data.account
        self.trained.sync()
        # first, since it may change the network that is then exported
        model = task.prepare_to_measure()
        found = task.measure(model, Asked(distances=by_hed()))
        task.leave(folder.path)
        save_model(self.trained.network, folder / "model.keras")
        self.checkpoints.keep_newest()
        note = {"data_note": account.note} if account.note else {}
        metrics = {
            "data_source": account.source,
            **note,
            "train_examples": len(task.data.train),
            "val_examples": len(task.data.val),
            "epochs": self.last_step / self.epoch_steps,
            "steps": self.last_step,
            **found,
            **history.speed(folder / "logs", self.config.batch_size),
        }
        folder.write("metrics.json", metrics)
        about_files = files_summary(account.files) if account.files else []
        write_readme(folder, task.about, about_files)
        print(f"{folder.path}: done; its README.md shows the figures and how to load the model")
