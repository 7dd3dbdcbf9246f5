"""What a run was made with."""

import subprocess
import sys
from pathlib import Path

import pytest

from tf_gen.training import provenance

ROOT = Path(__file__).parents[2]


def test_versions_are_those_of_the_packages_that_run():
    import keras
    import tensorflow as tf

    found = provenance.versions()
    assert found["keras"] == keras.__version__ and found["tensorflow"] == tf.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))


def test_the_commit_is_that_of_the_work_tree():
    if not (ROOT / ".git").exists():
        pytest.skip("no git work tree")
    line = ["git", "-C", ROOT, "rev-parse", "--short=7", "HEAD"]
    head = subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()
    assert provenance.commit().removesuffix("-dirty") == head


def test_a_package_that_is_no_work_tree_has_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    assert provenance.commit() is None


def test_the_machine_is_named_with_its_processors():
    assert "processors" in provenance.machine() and provenance.processor()
