"""What is said of the faces that a command reads."""

import types

from experiments.data import faces as data_faces
from experiments.data.faces import load_faces

OPTIONS = {"image_size": 16, "crop": (1.0,), "skip_unreadable": False, "cache_gib": None}


def options(data):
    return types.SimpleNamespace(data=str(data), **OPTIONS)


def test_the_classes_that_were_found_are_printed_with_their_labels(faces, capsys, monkeypatch):
    monkeypatch.setattr(data_faces, "DRAWN", {"train": 1, "val": 1})
    for data in (faces, "synthetic"):
        load_faces(options(data), ["anime", "cartoon"], by_class=True)
        assert "data: 2 classes: 0 anime, 1 cartoon\n" in capsys.readouterr().out


def test_without_classes_none_are_spoken_of(faces, capsys):
    load_faces(options(faces), ["anime"])
    assert "classes" not in capsys.readouterr().out
