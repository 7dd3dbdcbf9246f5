"""The run folder: one run and no other."""

import json

import pytest

from tf_gen.errors import UserError
from tf_gen.training.run_dir import RunDir, run_record


def claim(folder, name, identity, settings, **defaults):
    record = run_record(name, identity, settings)
    continuing = folder.compare(record, defaults)
    folder.write("config.json", record)
    return continuing


def test_a_new_run_is_recorded_and_the_same_one_goes_on(tmp_path):
    folder = RunDir(tmp_path / "a" / "run")
    assert claim(folder, "x", {"seed": 1}, {"epochs": 2}) is False
    assert claim(RunDir(tmp_path / "a" / "run"), "x", {"seed": 1}, {"epochs": 9}) is True
    record = json.loads((folder / "config.json").read_text())
    assert record["settings"] == {"epochs": 9} and "tensorflow" in record["versions"]


def test_another_run_is_refused_and_the_differing_fields_named(tmp_path):
    folder = RunDir(tmp_path)
    claim(folder, "x", {"seed": 1, "filters": 8}, {})
    with pytest.raises(UserError, match="holds another run: seed 1 -> 2; choose another"):
        claim(folder, "x", {"seed": 2, "filters": 8}, {})
    with pytest.raises(UserError, match="experiment x -> y"):
        claim(folder, "y", {"seed": 1, "filters": 8}, {})


def test_a_field_that_an_earlier_version_lacked_stands_for_its_default(tmp_path):
    folder = RunDir(tmp_path)
    claim(folder, "x", {"seed": 1}, {})
    later = {"seed": 1, "crops": (1, 0.5), "enhancers": 0}
    with pytest.raises(UserError, match="crops None -> .1, 0.5., enhancers None -> 0;"):
        claim(folder, "x", later, {})
    with pytest.raises(UserError, match="another run: enhancers 0 -> 1;"):
        claim(folder, "x", later | {"enhancers": 1}, {}, crops=(1, 0.5), enhancers=0)
    assert claim(folder, "x", later, {}, crops=(1, 0.5), enhancers=0, unused=3) is True


def test_a_field_that_is_no_more_is_refused_unless_it_was_null(tmp_path):
    folder = RunDir(tmp_path)
    claim(folder, "x", {"seed": 1, "old": "value", "empty": None}, {})
    with pytest.raises(UserError, match="another run: old value -> None;"):
        claim(folder, "x", {"seed": 1}, {}, old="value")
    claim(RunDir(tmp_path / "b"), "x", {"seed": 1, "empty": None}, {})
    assert claim(RunDir(tmp_path / "b"), "x", {"seed": 1}, {}) is True


def test_other_package_versions_are_a_warning(tmp_path, capsys):
    folder = RunDir(tmp_path)
    claim(folder, "x", {}, {})
    record = folder.read("config.json")
    record["versions"]["keras"] = "0.0"
    folder.write("config.json", record)
    assert claim(folder, "x", {}, {}) is True
    assert "started with keras 0.0" in capsys.readouterr().out


def test_a_run_that_goes_on_at_another_commit_names_all_of_them(tmp_path, monkeypatch):
    for commit in ("a", "b", "b", None, "c"):
        monkeypatch.setattr("tf_gen.training.run_dir.commit", lambda commit=commit: commit)
        claim(RunDir(tmp_path), "x", {}, {})
    record = RunDir(tmp_path).read("config.json")
    assert record["commit"] == "c" and record["earlier_commits"] == ["a", "b"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file/run: cannot be written .*; choose another folder"):
        RunDir(tmp_path / "file" / "run")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "not readable as JSON"), (b"\xff", "not readable as JSON"), (b"[]", "no run's"),
     (b'{"compilerOptions": {}}', "no run's")],
)  # fmt: skip
def test_a_record_that_is_damaged_or_of_something_else_is_named(tmp_path, content, message):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError, match=f"config.json: {message}"):
        RunDir(tmp_path).compare(run_record("x", {}, {}))


def test_figures_that_are_not_finite_are_null(tmp_path):
    RunDir(tmp_path).write("metrics.json", {"a": float("nan"), "b": float("inf"), "c": 1.5})
    assert (tmp_path / "metrics.json").read_text().split() == (
        ["{", '"a":', "null,", '"b":', "null,", '"c":', "1.5", "}"]
    )


def test_a_folder_that_an_error_left_empty_is_removed(tmp_path):
    with pytest.raises(ZeroDivisionError), RunDir(tmp_path / "run"):
        raise ZeroDivisionError
    assert not (tmp_path / "run").exists()


def test_a_second_process_in_the_folder_is_refused_until_the_first_has_left(tmp_path):
    with RunDir(tmp_path), pytest.raises(UserError, match="another process is training in it"):
        RunDir(tmp_path).__enter__()
    with RunDir(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
