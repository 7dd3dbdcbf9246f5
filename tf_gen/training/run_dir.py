"""The run folder: what a run is (config.json), what it came to (metrics.json), and its files."""

import json
import os
import platform
from importlib import metadata
from pathlib import Path

from tf_gen.errors import UserError

PACKAGES = ("tensorflow", "keras", "numpy", "tensorboard", "pillow")


class RunDir:
    """A folder that holds one run, new or to be continued.

    Raises: UserError if it cannot be written.
    """

    def __init__(self, path):
        self.path = Path(path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".writable"
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written ({error.strerror}); choose another --run-dir"
            ) from error

    def __truediv__(self, name) -> Path:
        return self.path / name

    def claim(self, experiment: str, identity: dict, settings: dict) -> bool:
        """Write config.json; return whether a run is being continued.

        Args: identity: what makes it this run and no other; settings: what may change.
        Raises: UserError if the folder holds another run, naming the fields that differ.
        """
        record = {
            "experiment": experiment,
            "identity": json.loads(json.dumps(identity)),
            "settings": settings,
            "versions": versions(),
        }
        before = self.read("config.json")
        if before is not None:
            self._compare(before, record)
        self.write("config.json", record)
        return before is not None

    def _compare(self, before, record):
        then, now = ({"experiment": r["experiment"], **r["identity"]} for r in (before, record))
        if differing := [key for key in {**then, **now} if then.get(key) != now.get(key)]:
            shown = ", ".join(f"{key} {then.get(key)} -> {now.get(key)}" for key in differing)
            raise UserError(
                f"{self.path} holds another run: {shown}; choose another --run-dir, "
                "or give the options that it was started with"
            )
        for package, version in before["versions"].items():
            if record["versions"].get(package) != version:
                print(
                    f"warning: the run was started with {package} {version}, "
                    f"this is {record['versions'].get(package)}"
                )

    def read(self, name: str) -> dict | None:
        """A JSON file of the folder, or None. Raises: UserError if it is no JSON."""
        path = self / name
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except json.JSONDecodeError as error:
            raise UserError(f"{path}: not readable as JSON ({error}); remove the folder") from error

    def write(self, name: str, content: dict):
        """Write a JSON file, whole or not at all."""
        temporary = self / f".{name}"
        temporary.write_text(json.dumps(content, indent=2) + "\n")
        os.replace(temporary, self / name)


def versions() -> dict[str, str]:
    """Of Python and the packages that a result may depend on."""
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in PACKAGES
    }
