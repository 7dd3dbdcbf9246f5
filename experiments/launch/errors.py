"""How a command ends before its end. Importing this needs no TensorFlow."""

from pathlib import Path


class UsageError(ValueError):
    """A mistake found by a command, in one line that names the culprit and the way out.

    Apart from ``tf_gen.errors.UserError``, whose import brings TensorFlow: a command line is read
    and refused without it.
    """


class Stopped(Exception):
    """Training ended by a signal, its checkpoint written."""

    def __init__(self, number: int, run_dir: Path):
        super().__init__(number)
        self.number, self.run_dir = number, run_dir
