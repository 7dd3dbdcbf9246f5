"""Who may import whom, and what a command may not import before it runs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_import_rules_of_setup_cfg_hold():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--config", "setup.cfg", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing():
    ruff = Path(sys.executable).parent / "ruff"
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([ruff, *command, "."], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


SCRIPTS = {path.stem for path in ROOT.glob("experiments/*.py")} - {"__init__"}


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_a_command_is_read_without_tensorflow(script):
    code = (
        f"import sys, experiments.{script}; print(sorted(m for m in sys.modules if '.' not in m))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    modules = eval(done.stdout)
    assert "tyro" in modules and not {"tensorflow", "keras", "matplotlib"} & set(modules)
