"""What every command shares: the home folder, and how TensorFlow is started."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_tensorflow_starts_silently_with_onednn_unless_told_otherwise_and_keras_as_it_must(
    tmp_path, monkeypatch
):
    code = (
        "import os; from experiments.launch.cli import load_tensorflow; load_tensorflow();"
        "from tensorflow.python.framework import test_util; import keras, tf_gen;"
        "assert keras.config.floatx() == 'float32';"
        "print(test_util.IsMklEnabled())"
    )
    settings = {"backend": "jax", "image_data_format": "channels_first", "floatx": "float16"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    own = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    own["KERAS_HOME"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[3], env=own,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("True", "")
    monkeypatch.setattr(os, "environ", {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"})
    monkeypatch.setattr(cli, "keep_compiled_programs", lambda: None)
    cli.load_tensorflow()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """What the driver says of a card, and a place for caches."""
    monkeypatch.setenv("TF_XLA_FLAGS", "")  # so that it is put back
    monkeypatch.delenv("TF_XLA_FLAGS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    about = tmp_path / "driver" / "gpus" / "0000:01:00.0" / "information"
    about.parent.mkdir(parents=True)
    about.write_text("Model: \t\t NVIDIA H200\nIRQ:   \t 0\n")
    return tmp_path / "driver"


def test_where_there_is_a_gpu_xla_keeps_what_it_compiled_for_that_card(driver, tmp_path):
    cli.keep_compiled_programs(driver)
    directory, *others = os.environ["TF_XLA_FLAGS"].split()
    folder = Path(directory.removeprefix("--tf_xla_persistent_cache_directory="))
    assert folder.parent == tmp_path / "cache" / "tf_gen" / "xla" and folder.is_dir()
    assert re.fullmatch(r"NVIDIA-H200-\d+-\d+-.*", folder.name)
    assert "--tf_xla_persistent_cache_device_types=GPU" in others and cli.keeps_compiled_programs()


@pytest.mark.parametrize("why", ["no GPU", "flags of one's own", "a space", "a file in the way"])
def test_else_nothing_is_set(driver, tmp_path, monkeypatch, why):
    if why == "no GPU":
        driver = tmp_path / "none"
    elif why == "flags of one's own":
        monkeypatch.setenv("TF_XLA_FLAGS", "--mine")
    elif why == "a space":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "my cache"))
    else:
        (tmp_path / "cache").write_text("")
    cli.keep_compiled_programs(driver)
    assert os.environ.get("TF_XLA_FLAGS") == ("--mine" if "flags" in why else None)
    assert not cli.keeps_compiled_programs()
