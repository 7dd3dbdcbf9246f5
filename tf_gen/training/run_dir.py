"""The run folder: what a run is (config.json), what it came to (metrics.json), and its files."""

import json
import math
import os
import re
from pathlib import Path

import keras

from tf_gen.errors import UserError
from tf_gen.file_lock import FileLock
from tf_gen.training.provenance import commit, machine, versions


class RunDir:
    """A folder that holds one run, new or to be continued.

    A context manager: meanwhile no other process may enter it (where the file system has locks),
    and a folder that an error left empty is removed.

    Args: writing: False for a process that only reads what another one writes there.

    Raises: UserError if it cannot be written, or another process is in it.
    """

    def __init__(self, path, writing=True):
        self.path = Path(path)
        self._lock = None
        if not writing:
            return
        self._lock = FileLock(self / ".lock")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written ({error.strerror}); choose another folder"
            ) from error

    def __enter__(self):
        if self._lock and not self._lock.acquire():
            raise UserError(
                f"{self.path}: another process is training in it; wait for its end, or choose "
                "another folder"
            )
        return self

    def __exit__(self, kind, *error):
        if self._lock:
            self._lock.release()
            if kind and not any(self.path.iterdir()):
                self.path.rmdir()

    def __truediv__(self, name) -> Path:
        return self.path / name

    def compare(self, record: dict, defaults: dict | None = None) -> bool:
        """Whether the folder holds the run of this record (``run_record``) already; if so, the
        record is told the commits at which it was trained before.

        Args: defaults: of the identity's fields: what one stands for that an earlier version did
        not know, so that its runs go on.

        Raises: UserError if it holds another run, naming the fields that differ.
        """
        before = self.read("config.json")
        if before is None:
            return False
        if not {"experiment", "identity", "versions"} <= set(before):
            raise UserError(f"{self / 'config.json'}: no run's; choose another folder")
        then, now = ({"experiment": r["experiment"], **r["identity"]} for r in (before, record))
        unknown = now.keys() - then.keys() & (defaults or {}).keys()
        then |= _as_read({key: defaults[key] for key in sorted(unknown)})
        if differing := [key for key in {**then, **now} if then.get(key) != now.get(key)]:
            shown = ", ".join(f"{key} {then.get(key)} -> {now.get(key)}" for key in differing)
            raise UserError(
                f"{self.path} holds another run: {shown}; choose another folder, "
                "or give the options that it was started with"
            )
        commits = [*before.get("earlier_commits", []), before.get("commit")]
        record["earlier_commits"] = [one for one in commits if one and one != record["commit"]]
        for package, version in before["versions"].items():
            if record["versions"].get(package) != version:
                print(
                    f"warning: the run was started with {package} {version}, "
                    f"this is {record['versions'].get(package)}"
                )
        return True

    def read(self, name: str) -> dict | None:
        """A JSON file of the folder, or None. Raises: UserError if it is no JSON."""
        path = self / name
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:  # no JSON, or no text
            raise UserError(
                f"{path}: not readable as JSON ({error}); choose another folder"
            ) from error
        return content if isinstance(content, dict) else {}

    def write(self, name: str, content: dict):
        """Write a JSON file, whole or not at all; what is not finite becomes null."""
        content = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in content.items()
        }
        temporary = self / f".{os.getpid()}.{name}"  # two commands may write at once
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", "utf-8")
        os.replace(temporary, self / name)


def run_record(experiment: str, identity: dict, settings: dict) -> dict:
    """What config.json holds: what makes it this run and no other, what may change, and what it
    was made with."""
    return {
        "experiment": experiment,
        "identity": _as_read(identity),
        "settings": settings,
        "versions": versions(),
        "commit": commit(),
        "earlier_commits": [],
        "machine": machine(),
    }


def _as_read(fields: dict) -> dict:
    """Fields as they will be read again from JSON: a tuple is a list there."""
    return json.loads(json.dumps(fields))


def save_model(model, path) -> None:
    """Write a built Keras model as a ``.keras`` file, whole or not at all, for ``tf_gen.load``.

    The file holds the weights and what a VAE's ``fit_latents`` found, alone: what ``compile`` gave
    (optimisers, metrics) stays behind, and the model itself is left as it is. Its class must be
    registered with Keras.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}")  # Keras asks for the ending
    plain_copy(model).save(temporary)
    os.replace(temporary, path)


def plain_copy(model, in_float32=False) -> keras.Model:
    """A built Keras model again, with what ``save_model`` says that its file holds.

    Args: in_float32: whether the copy computes in float32, whatever the model computes in.
    """
    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    if in_float32:
        config = json.loads(re.sub('"mixed_b?float16"', '"float32"', json.dumps(config)))
    plain = keras.saving.deserialize_keras_object(config)
    plain.set_weights(model.get_weights())
    own = {}  # what a model keeps beside its layers' weights, such as ``latent_fit``
    model.save_own_variables(own)
    plain.load_own_variables(own)
    return plain
