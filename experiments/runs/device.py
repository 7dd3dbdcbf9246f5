"""What of a training depends on its device: ``--xla auto`` and ``--log-every auto``."""

import tensorflow as tf

WORTH_COMPILING = 1000  # steps: fewer save less than the minute that compiling takes
LOG_EVERY_ON_GPU = 10  # steps: a compiled one ends before the host has read and shown its logs


def compiles(config, steps_to_go: int, did_before: bool | None) -> bool:
    """Whether XLA compiles the step.

    Args: did_before: whether it did when the run was last started; None for a new run. A run that
        was compiled stays so under ``auto``, however few its last steps, to go on bit for bit.
    """
    if config.xla != "auto":
        compiled = config.xla == "on"
    else:
        one_gpu = len(tf.config.list_logical_devices("GPU")) == 1
        may = one_gpu and config.strategy == "none" and not config.deterministic
        compiled = may and (bool(did_before) or steps_to_go >= WORTH_COMPILING)
    if compiled:
        print("XLA compiles the step: the first takes up to a minute or two")
    if did_before is not None and compiled != did_before:
        print(
            f"warning: the steps before were {'not ' * compiled}compiled by XLA: from here on the "
            "run is no longer equal to the bit to one that was not stopped"
        )
    return compiled


def log_every(config) -> int:
    """Steps between readings of the logs."""
    if config.log_every != "auto":
        return config.log_every
    return LOG_EVERY_ON_GPU if tf.config.list_logical_devices("GPU") else 1
