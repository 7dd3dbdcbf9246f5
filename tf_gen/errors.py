"""The package's own exceptions, a check of arguments, and of what Keras is set to."""

import keras


class UserError(ValueError):
    """A mistake in what the user gave: one line that names the culprit and the way out."""


class NotFiniteError(ArithmeticError):
    """A loss or a gradient stopped being finite; that step has changed nothing."""


class WorkerLostError(RuntimeError):
    """Another process that trains with this one has ended, or cannot be reached."""


class Interrupted(BaseException):
    """A signal asked for the end of training while a validation was under way."""


def check_choice(name, value, choices):
    """Raises: ValueError if the value is none of the choices."""
    if value not in choices:
        raise ValueError(f"{name} {value!r} is not one of {', '.join(map(str, choices))}")


def check_policy(policy):
    """Raises: ValueError if a layer of this dtype policy has weights that are not float32."""
    if policy.variable_dtype != "float32":
        raise ValueError(
            f"dtype {policy.name!r}: weights and statistics are float32 here, so take 'float32', "
            "'mixed_bfloat16' or 'mixed_float16'"
        )


def check_at_least(least, **values):
    """Raises: UserError if one of the named numbers is less."""
    for name, value in values.items():
        if not value >= least:
            raise UserError(f"{name} {value}: must be at least {least}")


def _check_keras():
    """Raise ImportError, as all of the package is imported, if Keras is set to what cannot work.

    Whoever sets it so later will see what Keras makes of it.
    """
    found = {
        "backend": (keras.config.backend(), "tensorflow"),
        "image_data_format": (keras.config.image_data_format(), "channels_last"),
    }
    if keras.config.floatx() == "float16":  # weights and statistics would be, too
        found["floatx"] = ("float16", "float32")
    for name, (value, wanted) in found.items():
        if value != wanted:
            raise ImportError(
                f"Keras' {name} is {value!r}, tf_gen needs {wanted!r}: mend ~/.keras/keras.json or "
                "the environment before keras is imported"
            )


_check_keras()
