"""What every command shares: parse, run, and turn errors into one line and an exit code.

Nothing here imports TensorFlow before the command line has been read: ``--help`` is quick.
"""

import ctypes
import dataclasses
import inspect
import os
import platform
import re
import shutil
import signal
import sys
from importlib.metadata import version
from pathlib import Path

import tyro

from experiments.launch.errors import Stopped, UsageError
from experiments.launch.streams import on_signals_that_end, secure_streams

DONE, USER_ERROR, NOT_FINITE, PARTLY, WORKER_LOST = 0, 2, 3, 4, 5


def launch(name: str, config_class, run) -> None:
    """Read the command line into a config_class, call ``run(config) -> exit code``, and exit."""
    secure_streams()
    config = tyro.cli(
        config_class,
        prog=f"python -m experiments.{name}",
        description=f"{sys.modules[run.__module__].__doc__}\n{inspect.cleandoc(config_class.__doc__)}",
    )
    config = _at_home(config)
    if undecodable := _undecodable(config):
        _complain(name, f"{undecodable}: is no UTF-8, which TensorFlow needs; rename it")
        sys.exit(USER_ERROR)
    on_signals_that_end(_terminate)
    try:
        hold_memory()
        load_tensorflow()
        code = guarded(name, run, config)
    except KeyboardInterrupt as stop:
        goes_on = "; the same command with its --run-dir goes on from the last checkpoint, if any"
        _complain(name, "interrupted" + (goes_on if hasattr(config, "run_dir") else ""))
        code = 128 + getattr(stop, "number", signal.SIGINT)
    sys.exit(code)


def _at_home(config):
    """``~`` as the home folder where the shell left it, as in ``--data-dir=~/data``."""
    fields = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    texts = {name: value for name, value in fields.items() if isinstance(value, (str, Path))}
    changed = {name: type(value)(os.path.expanduser(value)) for name, value in texts.items()}
    return dataclasses.replace(config, **changed)


def _undecodable(config) -> str | None:
    """The first option whose name of a file is no text."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, (str, Path)) and not str(value).isprintable():
            try:
                str(value).encode()
            except UnicodeEncodeError:
                return f"--{field.name.replace('_', '-')} {value}"
    return None


class Terminated(KeyboardInterrupt):
    """A signal where no training is under way that could end after its step."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


def _terminate(number, frame):
    raise Terminated(number)


def guarded(name, run, config) -> int:
    """``run(config)``; what goes wrong as a line on standard error and an exit code."""
    from tf_gen.errors import NotFiniteError, UserError, WorkerLostError

    try:
        return run(config)
    except (UsageError, UserError) as error:
        _complain(name, as_options(str(error), config))
        return USER_ERROR
    except NotFiniteError as error:
        _complain(
            name,
            f"{error}; training stopped, the last checkpoint, if any, is kept. "
            "Try a lower --learning-rate or --precision float32",
        )
        return NOT_FINITE
    except WorkerLostError as error:
        _complain(
            name,
            f"{error}; start all workers again with the same commands and --run-dir: they go on "
            "from the last checkpoint",
        )
        return WORKER_LOST
    except Stopped as stop:
        _complain(name, f"stopped; the same command with --run-dir {stop.run_dir} goes on")
        return 128 + stop.number
    except OSError as error:
        _complain(name, f"{error.filename or 'input or output'}: {error.strerror or error}")
        return USER_ERROR


def as_options(message: str, config) -> str:
    """The library's arguments as the command's options: ``crop=(2.0,)`` is ``--crop (2.0,)``."""
    fields = "|".join(field.name for field in dataclasses.fields(config))

    def option(found):
        return f"--{found[1].replace('_', '-')}" + ("" if found[2] else " ")

    # not within a path, whose folders may be called so
    return re.sub(rf"(?<![^\s(])({fields})=(True)?", option, message)


def _complain(name, message):
    line = " ".join(str(message).split("\n"))  # names of files may hold anything
    print(f"{name}: {line}", file=sys.stderr, flush=True)


def hold_memory() -> None:
    """Keep freed memory in the process: glibc gives large blocks back to the system, and
    every training step would fetch them again."""
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL("libc.so.6")
        m_trim_threshold, m_mmap_max = -1, -4
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, 2**31 - 1)


def load_tensorflow() -> None:
    """Import TensorFlow and find its devices, without a screenful of notices in C++'s stderr."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # oneDNN's kernels: by itself TensorFlow takes them only where it finds AVX-512 and the like,
    # but with AVX2 alone they shorten a training step, too (docs/performance.md).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # else a process takes all memory of a GPU, and the next one fails
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    keep_compiled_programs()
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        import keras
        import tensorflow as tf

        tf.config.list_physical_devices()
        # whatever ~/.keras/keras.json says
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


KEPT_AS = "--tf_xla_persistent_cache_prefix=tf_gen"


def keep_compiled_programs(driver=Path("/proc/driver/nvidia")) -> None:
    """Where there is an NVIDIA GPU, let XLA keep what it has compiled, for the next start: that is
    then a matter of seconds (docs/performance.md).

    In ``~/.cache/tf_gen/xla``, apart for each GPU and version of TensorFlow, which could not use
    another's. One's own ``TF_XLA_FLAGS`` stand.
    """
    cards = sorted(driver.glob("gpus/*/information"))
    if not cards or "TF_XLA_FLAGS" in os.environ:
        return
    model = re.search(r"Model:\s*(.*)", cards[0].read_text())
    name = re.sub(r"\W+", "-", f"{model[1] if model else ''} {version('tensorflow')}".strip())
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    folder = caches / "tf_gen" / "xla" / name
    if _holds_programs(folder):
        os.environ["TF_XLA_FLAGS"] = (
            f"--tf_xla_persistent_cache_directory={folder} {KEPT_AS} "
            "--tf_xla_persistent_cache_device_types=GPU"
        )


def keeps_compiled_programs() -> bool:
    """Whether this process has been set so, by ``keep_compiled_programs``."""
    return KEPT_AS in os.environ.get("TF_XLA_FLAGS", "")


def _holds_programs(folder: Path) -> bool:
    """Whether XLA can write there: where it cannot, it lets the step fail."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        room = shutil.disk_usage(folder).free > 2**28  # a program has some 6 MB
    except OSError:
        return False
    return room and os.access(folder, os.W_OK) and not re.search(r"\s", str(folder))
