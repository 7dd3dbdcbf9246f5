"""The run folder: one run and no other."""

import json

import pytest

from tf_gen.errors import UserError
from tf_gen.training.run_dir import RunDir


def test_a_new_run_is_recorded_and_the_same_one_goes_on(tmp_path):
    folder = RunDir(tmp_path / "a" / "run")
    assert folder.claim("x", {"seed": 1}, {"epochs": 2}) is False
    assert RunDir(tmp_path / "a" / "run").claim("x", {"seed": 1}, {"epochs": 9}) is True
    record = json.loads((folder / "config.json").read_text())
    assert record["settings"] == {"epochs": 9} and "tensorflow" in record["versions"]


def test_another_run_is_refused_and_the_differing_fields_named(tmp_path):
    folder = RunDir(tmp_path)
    folder.claim("x", {"seed": 1, "filters": 8}, {})
    with pytest.raises(UserError, match="holds another run: seed 1 -> 2; choose another"):
        folder.claim("x", {"seed": 2, "filters": 8}, {})
    with pytest.raises(UserError, match="experiment x -> y"):
        folder.claim("y", {"seed": 1, "filters": 8}, {})


def test_other_package_versions_are_a_warning(tmp_path, capsys):
    folder = RunDir(tmp_path)
    folder.claim("x", {}, {})
    record = folder.read("config.json")
    record["versions"]["keras"] = "0.0"
    folder.write("config.json", record)
    assert folder.claim("x", {}, {}) is True
    assert "started with keras 0.0" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/run: cannot be written .*; choose another --run-dir"):
        RunDir(tmp_path / "file" / "run")


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="config.json: not readable as JSON"):
        RunDir(tmp_path).claim("x", {}, {})
