"""What a training logged, as CSV files: written step by step, and read again."""

import csv
import os
from pathlib import Path

import numpy as np

from tf_gen.training.callbacks import TellsStep

STEPS, EPOCHS = "steps.csv", "epochs.csv"


class History(TellsStep):
    """Keeps logs in two CSV files, one row for each step (``steps.csv``) and epoch; where logs are
    read every few steps, one row for these, numbered by the last.

    Floats have the digits that give float32 back exactly. Rows beyond ``first_step``, left by a
    run that was killed after its last checkpoint, are dropped when training goes on.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)

    def on_train_begin(self, logs=None):
        self.folder.mkdir(parents=True, exist_ok=True)
        first = self.params["first_step"]
        self._steps = CsvLog(self.folder / STEPS, "step", first)
        self._epochs = CsvLog(self.folder / EPOCHS, "epoch", first // self.params["steps"])

    def on_train_batch_end(self, batch, logs=None):
        self._steps.write(self.step(batch), logs)

    def on_epoch_end(self, epoch, logs=None):
        self._epochs.write(epoch + 1, logs)


class CsvLog:
    """A CSV file of numbered rows that can be gone on with after row ``last``.

    Its columns are those of its first row, whatever a later version may add.
    """

    def __init__(self, path: Path, key: str, last: int):
        self.path, self.key = path, key
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        header, *rows = text.rpartition("\n")[0].split("\n")  # a kill may have cut the last line
        kept = [header, *(row for row in rows if int(row.partition(",")[0]) <= last)]
        temporary = path.with_suffix(".part")
        temporary.write_text("".join(f"{line}\n" for line in kept if line), "utf-8")
        os.replace(temporary, path)

        self.names = header.split(",")[1:]

    def write(self, number, logs):
        with self.path.open("a", encoding="utf-8") as file:
            if file.tell() == 0:
                self.names = [*logs]
                file.write(",".join([self.key, *logs]) + "\n")
            values = (logs.get(name, float("nan")) for name in self.names)
            file.write(",".join([str(number), *(f"{v:.9g}" for v in values)]) + "\n")


def read_csv(path) -> list[dict[str, float]]:
    """The rows of a log that History wrote; none if there is no such file."""
    if not Path(path).exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def logs_between(folder, last: int, step: int) -> list[dict]:
    """What each step after ``last`` logged, up to this one: to the bit what the step returned."""
    rows = [row for row in read_csv(Path(folder) / STEPS) if last < row["step"] <= step]
    logs = []
    for row in rows:  # of one step, or the mean of those since the row before
        steps, last = round(row["step"] - last), row["step"]
        del row["step"], row["step_seconds"]
        # logs are float32, of which the nine digits of a CSV are a rounding
        logs += [{name: float(np.float32(value)) for name, value in row.items()}] * steps
    return logs


def owes_epoch_end(folder, step: int, total: int, epoch_steps: int) -> bool:
    """Whether a stop left the epoch that this step ended without its validation."""
    done = step // epoch_steps  # rows of a last epoch cut short are dropped when a run goes on
    rows = sum(row["epoch"] <= done for row in read_csv(Path(folder) / EPOCHS))
    ended = step % epoch_steps == 0 or step == total
    return ended and rows < step / epoch_steps and (Path(folder) / STEPS).exists()


def speed(folder, batch_size: int) -> dict[str, float]:
    """``train_step_seconds``, the median (the first step of a process traces and does not count),
    ``train_seconds``, their sum, and ``images_per_second``; nan where nothing is known."""
    rows = read_csv(Path(folder) / STEPS)
    seconds = np.array([row["step_seconds"] for row in rows])
    steps = np.diff([0, *(row["step"] for row in rows)])  # that each row stands for
    known = seconds[~np.isnan(seconds)]
    median = float(np.median(known)) if len(known) else float("nan")
    return {
        "train_step_seconds": median,
        "train_seconds": float(np.nansum(steps * seconds)),
        "images_per_second": batch_size / median,
    }
