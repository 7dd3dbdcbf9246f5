"""What every command shares: the home folder, and how TensorFlow is started."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

from experiments.launch import cli


@dataclasses.dataclass(frozen=True)
class Options:
    data: str = "~/images"
    run_dir: Path = Path("~/runs/a ~ b")
    data_dir: Path | None = None
    epochs: int = 3


def test_a_tilde_that_the_shell_left_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    expected = Options("/home/me/images", Path("/home/me/runs/a ~ b"))
    assert cli._at_home(Options()) == expected
    assert cli._at_home(Options(data="synthetic")).data == "synthetic"


def test_tensorflow_starts_silently_with_onednn_unless_told_otherwise():
    code = (
        "import os; from experiments.launch.cli import load_tensorflow; load_tensorflow();"
        "from tensorflow.python.framework import test_util;"
        "print(test_util.IsMklEnabled())"
    )
    own = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    for given, enabled in (({}, True), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, False)):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            cwd=Path(__file__).parents[3], env=own | given,
        )  # fmt: skip
        assert (done.stdout.strip(), done.stderr) == (str(enabled), "")
