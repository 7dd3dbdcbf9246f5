"""Which data a command runs on, and what is said of it: published sets, odd files, the cache."""

import csv
import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from experiments import cvae_faces, pix2pix_maps, vae_cartoon
from experiments.launch import cli
from experiments.tasks.cvae import CvaeTask

SMALL_MAPS = {"filters": 2, "image_size": 32, "max_steps": 2}
SMALL_FACES = {"image_size": 16, "batch_size": 8, "max_steps": 2}


def run(command, small, **options):
    return command.run(command.Config(**{**small, **options}))


def read(folder, name):
    return json.loads((folder / name).read_text())


def listed(folder):
    """{file: (use, reason)} of data.csv."""
    with (folder / "data.csv").open(newline="", encoding="utf-8") as file:
        return {row["file"]: (row["use"], row["reason"]) for row in csv.DictReader(file)}


def weights(folder):
    """All tensors of the newest checkpoint."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder / "checkpoints")))
    names = [n for n in reader.get_variable_to_shape_map() if n.endswith("VARIABLE_VALUE")]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


@pytest.fixture(scope="module")
def published(maps, faces, tmp_path_factory):
    """A data folder with all three sets, in published layouts: few images, so they differ."""
    folder = tmp_path_factory.mktemp("published")
    with tarfile.open(folder / "maps.tar.gz", "w:gz") as archive:
        archive.add(maps, "maps")
    with zipfile.ZipFile(folder / "animefacedataset.zip", "w") as archive:
        for path in (faces / "anime").iterdir():
            archive.write(path, f"images/{path.name}")
    shutil.copytree(faces / "cartoon", folder / "cartoonset10k")
    for path in list((folder / "cartoonset10k").iterdir()):
        path.with_suffix(".csv").write_text('"hair",3,111\n')
    return folder


def test_maps_of_the_report_come_from_the_archive_and_what_differs_is_said(
    published, maps, reading_alone, tmp_path, capsys
):
    folder = tmp_path / "run"
    options = {"data": "report", "run_dir": folder}
    with reading_alone():
        assert run(pix2pix_maps, SMALL_MAPS, **options, data_dir=published) == 0
    note = (
        "the maps of pix2pix: train: 6, where the published set has 1,096; "
        "val: 3, where the published set has 1,098"
    )
    assert read(folder, "config.json")["settings"]["data_note"] == note
    assert note in capsys.readouterr().out
    assert listed(folder) == {
        f"{split}/{i + 1}.png": (split, "")
        for split, count in (("train", 6), ("val", 3))
        for i in range(count)
    }
    (tmp_path / "data").mkdir()
    shutil.copytree(maps, tmp_path / "data" / "maps")  # unpacked: the same run
    with reading_alone():
        assert run(pix2pix_maps, SMALL_MAPS, **options, data_dir=tmp_path / "data") == 0


@pytest.mark.slow
def test_one_set_of_faces_of_the_report(published, tmp_path):
    folder = tmp_path / "run"
    options = {"data": "report", "data_dir": published, "run_dir": folder}
    assert run(vae_cartoon, SMALL_FACES, **options) == 0
    metrics, note = read(folder, "metrics.json"), "the Cartoon Set: 24, where the published set has"
    assert metrics["data_note"] == f"{note} 10,000"
    assert metrics["data_source"] == "not the report's"
    assert note in (folder / "README.md").read_text()
    uses = [use for use, _ in listed(folder).values()]
    assert uses.count("passed over") == 24  # the CSV files
    assert "24 passed over" in (folder / "README.md").read_text()


def test_both_sets_of_faces_of_the_report_in_one_model(published, reading_alone, tmp_path):
    folder = tmp_path / "run"
    options = {"data": "report", "data_dir": published, "run_dir": folder}
    with reading_alone():
        assert run(cvae_faces, SMALL_FACES, **options) == 0
    assert read(folder, "config.json")["identity"]["crop"] == [1.0, 0.75]
    task = CvaeTask(cvae_faces.Config(**SMALL_FACES, **options))
    assert task.data.train.classes == ("anime", "cartoon")
    note = read(folder, "config.json")["settings"]["data_note"]
    assert "the anime faces: 24, where" in note and "the Cartoon Set: 24, where" in note
    assert {name.split("/")[0] for name in listed(folder)} == {"anime", "cartoon"}


@pytest.mark.slow
def test_a_folder_of_odd_files_is_read_and_each_of_them_accounted_for(faces, tmp_path, capsys):
    data, folder = tmp_path / "data", tmp_path / "run"
    shutil.copytree(faces / "anime", data / "a" / "depth of two")
    inner = data / "a" / "depth of two"
    rng = np.random.default_rng(3)
    for name, mode in (("顔 é.png", "LA"), ("grey.bmp", "L"), ("cmyk.jpg", "CMYK")):
        pixels = rng.integers(0, 256, (20, 18, len(mode)), np.uint8).squeeze()
        Image.fromarray(pixels, mode).save(inner / name)
    (data / os.fsdecode(b"\xff|`.png")).write_bytes((inner / "3.png").read_bytes())
    (data / "linked.png").symlink_to(inner / "4.png")
    (data / "new\nline.jpg").write_text("no image")
    (data / "empty.webp").touch()
    (data / "notes.txt").write_text("of no concern")
    data.chmod(0o555)
    options = {"data": str(data), "run_dir": folder, "skip_unreadable": True}
    assert run(vae_cartoon, SMALL_FACES, **options) == 0
    files = listed(folder)
    assert len(files) == 24 + 3 + 5
    assert files["notes.txt"] == ("passed over", "not the name of an image")
    assert files["empty.webp"][0] == files["new\nline.jpg"][0] == "unreadable"
    assert [use for use, _ in files.values()].count("duplicate") == 2
    assert "\\udcff|`.png" in files
    assert {files[f"a/depth of two/{n}"][0] for n in ("顔 é.png", "grey.bmp", "cmyk.jpg")} <= {
        "train", "val",
    }  # fmt: skip
    readme = (folder / "README.md").read_text()
    assert "- `new\\nline.jpg`: unreadable, " in readme and "- `empty.webp`: unreadable" in readme
    assert "new\\nline.jpg" in capsys.readouterr().out
    data.chmod(0o755)


def test_images_outside_of_the_folders_that_are_read_are_listed_too(
    maps, faces, reading_alone, tmp_path
):
    data = tmp_path / "maps"
    shutil.copytree(maps, data)
    shutil.copytree(maps / "val", data / "trainA")
    shutil.copy(maps / "val" / "1.png", data / "root.png")
    with reading_alone():
        assert run(pix2pix_maps, SMALL_MAPS, data=str(data), run_dir=tmp_path / "a") == 0
    outside = [name for name, (use, _) in listed(tmp_path / "a").items() if use == "passed over"]
    assert sorted(outside) == ["root.png", *(f"trainA/{i}.png" for i in (1, 2, 3))]
    shutil.copytree(faces, tmp_path / "faces")
    shutil.copy(maps / "val" / "1.png", tmp_path / "faces" / "root.png")
    options = {"data": str(tmp_path / "faces"), "run_dir": tmp_path / "b"}
    with reading_alone():
        assert run(cvae_faces, SMALL_FACES, **options) == 0
    files = listed(tmp_path / "b")
    assert files["root.png"] == ("passed over", "not in one of the folders that are read")
    assert len(files) == 49


def test_both_files_of_a_pair_in_two_folders_are_listed(maps, reading_alone, tmp_path):
    for split in ("train", "val"):
        for side in "AB":
            shutil.copytree(maps / split, tmp_path / "data" / f"{split}{side}")
    (tmp_path / "data" / "trainB" / "1.png").write_bytes(b"none")
    options = {"data": str(tmp_path / "data"), "run_dir": tmp_path / "run"}
    with reading_alone():
        assert run(pix2pix_maps, SMALL_MAPS, **options, skip_unreadable=True) == 0
    files = listed(tmp_path / "run")
    assert len(files) == 18 and files["trainB/2.png"] == files["trainA/2.png"] == ("train", "")
    for name in ("trainA/1.png", "trainB/1.png"):
        assert files[name][0] == "unreadable" and files[name][1].startswith("trainB/1.png: ")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"data": ""}, "--data: is empty"),
        ({"data": "report", "data_dir": Path(__file__)}, "a file; give the folder that it lies in"),
        ({"data": "report", "data_dir": Path("/dev/null/x")}, "or go without it: --data synthetic"),
    ],
)  # fmt: skip
def test_no_data_ends_in_one_line_and_exit_code_2(options, message, tmp_path, capsys):
    config = vae_cartoon.Config(**SMALL_FACES, **options, run_dir=tmp_path)
    assert cli.guarded("vae_cartoon", vae_cartoon.run, config) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.slow
def test_images_kept_in_a_file_train_the_same_weights(maps, finished, training_alone, tmp_path):
    options = {**SMALL_MAPS, "data": str(maps), "run_dir": tmp_path, "max_steps": 4}
    with training_alone():
        assert run(pix2pix_maps, options, cache_gib=0.0) == 0
    one, other = weights(finished("map_to_aerial")), weights(tmp_path)  # in memory, in a file
    assert one.keys() == other.keys() and len(one) > 20
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor, other[name], err_msg=name)
