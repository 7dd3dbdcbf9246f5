"""The package's own exceptions, and a check of arguments."""


class UserError(ValueError):
    """A mistake in what the user gave: one line that names the culprit and the way out."""


class NotFiniteError(ArithmeticError):
    """A loss or a gradient stopped being finite. That network's weights were not updated, unless
    XLA compiled the step."""


class WorkerLostError(RuntimeError):
    """Another process that trains with this one has ended, or cannot be reached."""


class Interrupted(BaseException):
    """A signal asked for the end of training while a validation was under way."""


def check_choice(name, value, choices):
    """Raises: ValueError if the value is none of the choices."""
    if value not in choices:
        raise ValueError(f"{name} {value!r} is not one of {', '.join(map(str, choices))}")
