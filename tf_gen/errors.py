"""What a script turns into an exit code instead of a stack trace."""


class UserError(ValueError):
    """A mistake in what the user gave: one line that names the culprit and the way out."""


class NotFiniteError(ArithmeticError):
    """A loss or a gradient stopped being finite; that network's weights were not updated."""


class WorkerLostError(RuntimeError):
    """Another process that trains with this one has ended, or cannot be reached."""


class Interrupted(BaseException):
    """A signal asked for the end of training while a validation was under way."""
