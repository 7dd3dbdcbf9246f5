"""How a command ends before its end. Nothing here needs TensorFlow, nor does whoever raises it."""

from pathlib import Path


class UsageError(ValueError):
    """A mistake in what the user gave: one line that names the culprit and the way out."""


class Stopped(Exception):
    """Training ended by a signal, its checkpoint written."""

    def __init__(self, number: int, run_dir: Path):
        super().__init__(number)
        self.number, self.run_dir = number, run_dir
