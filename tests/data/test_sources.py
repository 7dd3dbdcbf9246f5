"""Folders as sources of encoded images, and several sources as one."""

import errno
import os
import random
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from tf_gen.data import sources
from tf_gen.data.published.archive import Archive
from tf_gen.data.sources import (
    MAX_BYTES,
    Folder,
    Merged,
    Unreadable,
    natural_key,
    read_bytes,
)

NOT_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all"
)


def content(name) -> bytes:
    """Noise of its own for each name."""
    return np.random.default_rng(zlib.crc32(os.fsencode(name))).bytes(700)


def folder_of(root, *names):
    """Files with their contents below a folder, made in the order of the names."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content(name))
    return root


def shuffled(names):
    return random.Random(0).sample(names, len(names))


# -------------------------------------------------------------------------------- natural order

ORDERED = [
    ["1.jpg", "2.jpg", "10.jpg", "10.png", "100.jpg"],
    ["a2.jpg", "a10.jpg", "b1.jpg", "b1_2.jpg", "b1_10.jpg"],
    ["1.jpg", "2/3.jpg", "2/20/4.jpg", "10/5.jpg", "10/11.jpg", "12.jpg"],
    ["v1.2/a.jpg", "v1.10/a.jpg", "v2.1/a.jpg"],
    ["01.jpg", "1.jpg", "01_5.jpg", "1_6.jpg", "002.jpg"],
    ["é2.jpg", "é10.jpg", "顔.jpg"],
    ["7.jpg", "99999999999999999999.jpg", "100000000000000000000.jpg"],
]


@pytest.mark.parametrize("names", ORDERED)
def test_numbers_in_names_count_as_numbers(names, tmp_path):
    assert Folder(folder_of(tmp_path, *shuffled(names))).names == tuple(names)
    assert sorted(shuffled(names), key=natural_key) == names


@pytest.mark.parametrize("seed", range(20))
def test_the_order_is_that_of_the_numbers_themselves(seed):
    rng = random.Random(seed)
    numbers = {rng.randrange(10 ** rng.randrange(1, 12)) for _ in range(50)}
    names = [f"{rng.choice(['', '0', '000'])}{number}.jpg" for number in numbers]
    witness = sorted(names, key=lambda name: int(name[:-4]))
    assert sorted(names, key=natural_key) == witness


def test_a_number_of_any_length_counts():
    names = ["1.jpg", f"{'9' * 5000}.jpg", f"1{'0' * 5000}.jpg"]  # int() refuses so many digits
    assert sorted(shuffled(names), key=natural_key) == names


# -------------------------------------------------------------------------------------- folders


def test_a_folder_gives_the_bytes_of_its_images(tmp_path, read):
    names = ("1.jpg", "2/a b.png", "2/é 顔.gif", "10/deep/er/x.webp")
    source = Folder(folder_of(tmp_path, *names))
    assert read(source) == {name: content(name) for name in names}
    assert (source.path, source.place) == (tmp_path, tmp_path)
    assert read(source, names[1:3]) == {name: content(name) for name in names[1:3]}
    assert source.read(names[0]) == content(names[0])
    assert Folder(str(tmp_path)).names == source.names


def test_files_that_are_no_images_are_passed_over_and_told(tmp_path):
    images = ("a.jpg", "b.JPEG", "c.png", "g.WebP", "h.bmp", "i.gif", "list.txt/k.jpg")
    others = ("d.txt", "e", "f.csv", "j.jpg.part", "k/2.tiff", "k/10.tiff", "xjpg")
    source = Folder(folder_of(tmp_path, *images, *others))
    assert source.names == images
    assert source.passed_over == others


def test_hidden_files_and_folders_are_left_out(tmp_path):
    root = folder_of(tmp_path / ".data", "1.jpg", ".2.jpg", "._1.jpg", ".a/3.jpg", "b/.c/4.jpg")
    folder_of(root, "b/5.jpg", ".notes")
    source = Folder(root)
    assert (source.names, source.passed_over) == (("1.jpg", "b/5.jpg"), ())


def test_names_that_are_no_text_are_read(tmp_path, read):
    name = os.fsdecode(b"\xff\xfe 1.jpg")
    try:
        folder_of(tmp_path, f"a/{name}", "a/2.jpg")
    except OSError:
        pytest.skip("the file system holds text only")
    assert set(read(Folder(tmp_path))) == {f"a/{name}", "a/2.jpg"}
    assert read(Folder(tmp_path))[f"a/{name}"] == content(f"a/{name}")
    (tmp_path / "a" / name).unlink()
    with pytest.raises(Unreadable, match="No such file"):
        Folder(tmp_path).read(f"a/{name}")


def test_an_empty_folder_has_no_names(tmp_path):
    assert (Folder(tmp_path).names, Folder(tmp_path).passed_over) == ((), ())


def test_a_folder_within_can_be_left_out(tmp_path):
    folder_of(tmp_path, "1.jpg", "runs/2.jpg", "runs/deep/3.jpg", "sub/runs/4.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "runs")
    (tmp_path / "deep").symlink_to(tmp_path / "runs" / "deep")
    source = Folder(tmp_path, leave_out=tmp_path / "sub" / ".." / "runs")
    assert source.names == ("1.jpg", "deep/3.jpg", "sub/runs/4.jpg")
    assert len(Folder(tmp_path, leave_out=tmp_path / "absent").names) == 7


def test_links_to_files_and_folders_are_followed(tmp_path, read):
    folder_of(tmp_path / "elsewhere", "1.jpg", "deep/2.jpg")
    root = folder_of(tmp_path / "root", "3.jpg")
    (root / "file.jpg").symlink_to(tmp_path / "elsewhere" / "1.jpg")
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "gone.jpg").symlink_to(tmp_path / "gone")
    (root / "itself.jpg").symlink_to(root / "itself.jpg")
    source = Folder(root)
    found = ("3.jpg", "file.jpg", "folder/1.jpg", "folder/deep/2.jpg")
    assert sorted(source.names) == sorted((*found, "gone.jpg", "itself.jpg"))
    contents = (content(name) for name in ("3.jpg", "1.jpg", "1.jpg", "deep/2.jpg"))
    assert read(source, found) == dict(zip(found, contents, strict=True))
    for name in ("gone.jpg", "itself.jpg"):
        with pytest.raises(Unreadable, match=f"^{name}: "):
            source.read(name)


@pytest.mark.parametrize("target", ["", "a", "a/b", ".."])
def test_links_in_a_circle_and_up_bring_no_file_twice(target, tmp_path):
    root = folder_of(tmp_path / "root", "1.jpg", "a/2.jpg", "a/b/3.jpg", "a/b/4.jpg")
    folder_of(tmp_path, "above.jpg")
    (root / "a" / "b" / "back").symlink_to((root / target).resolve())
    assert Folder(root).names == ("1.jpg", "a/2.jpg", "a/b/3.jpg", "a/b/4.jpg")


@pytest.mark.parametrize("deeper", [False, True])
def test_ten_folders_that_all_link_to_each_other_come_to_an_end(deeper, tmp_path):
    top = tmp_path / "top" if deeper else tmp_path
    for i in range(10):
        folder_of(top, f"{i}/{i}.jpg")
    for i in range(10):
        for j in range(10):
            (top / str(i) / f"to {j}").symlink_to(top / str(j))
    start = time.perf_counter()
    names = Folder(tmp_path).names
    assert time.perf_counter() - start < 5
    files = [(tmp_path / name).resolve() for name in names]
    assert set(files) == {(top / f"{i}/{i}.jpg").resolve() for i in range(10)}
    assert len(files) == (10 if deeper else 10 * 10)  # each once in each folder of the first level


@pytest.mark.parametrize("folder", ["absent", "a file", "a file/below", "x" * 300])
def test_what_is_no_folder_is_named(folder, tmp_path, refusal):
    (tmp_path / "a file").touch()
    message = refusal(Folder, tmp_path / folder)
    assert message.startswith(f"{tmp_path / folder}: ")
    if folder == "a file":
        assert "is a file, not a folder" in message


@NOT_ROOT
def test_a_read_only_folder_is_read(tmp_path, read):
    folder_of(tmp_path, "a/1.jpg", "2.jpg")
    for path in (tmp_path / "a", tmp_path):
        path.chmod(0o555)
    try:
        assert len(read(Folder(tmp_path))) == 2
    finally:
        for path in (tmp_path, tmp_path / "a"):
            path.chmod(0o755)


@NOT_ROOT
@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_folder_that_may_not_be_read_is_named(mode, tmp_path, refusal):
    folder_of(tmp_path, "closed/1.jpg", "2.jpg")
    (tmp_path / "closed").chmod(mode)
    try:
        message = refusal(Folder, tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert message.startswith(f"{tmp_path / 'closed'}") and "Permission denied" in message


def test_a_folder_that_the_system_refuses_is_named(tmp_path, monkeypatch, refusal):
    folder_of(tmp_path, "closed/1.jpg", "2.jpg")
    iterdir = Path.iterdir

    def refused(path):
        if path.name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    assert refusal(Folder, tmp_path) == f"{tmp_path / 'closed'}: Permission denied"


# ------------------------------------------------------------------------------- a file's bytes


def test_bytes_are_read_whole_or_refused_by_name(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes(b"\0\r\n\xff")
    assert read_bytes(path, "train/x.jpg") == b"\0\r\n\xff"
    for missing in (tmp_path, tmp_path / "y.jpg"):  # a folder; nothing
        with pytest.raises(Unreadable, match="^train/y.jpg: "):
            read_bytes(missing, "train/y.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(folder_of(tmp_path, "1.jpg") / "x.jpg")
    source = Folder(tmp_path)
    assert source.names == ("1.jpg", "x.jpg")
    start = time.perf_counter()
    with pytest.raises(Unreadable, match="^x.jpg: not a file"):
        source.read("x.jpg")
    assert time.perf_counter() - start < 1


def test_a_file_larger_than_is_read_is_refused_unread(tmp_path):
    with (tmp_path / "x.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # takes no room on the disk
    tracemalloc.start()
    with pytest.raises(Unreadable, match=f"^x.jpg: {MAX_BYTES + 1:,} bytes"):
        Folder(tmp_path).read("x.jpg")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_file_of_just_the_size_that_is_read_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_BYTES", 700)
    assert Folder(folder_of(tmp_path, "x.jpg")).read("x.jpg") == content("x.jpg")


@NOT_ROOT
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    (folder_of(tmp_path, "x.jpg") / "x.jpg").chmod(0)
    with pytest.raises(Unreadable, match="^x.jpg: Permission denied"):
        Folder(tmp_path).read("x.jpg")


# --------------------------------------------------------------------------------------- merged


def test_merged_sources_are_folders_of_the_first_level(tmp_path, read):
    folder_of(tmp_path / "b", "2.jpg", "1/10.jpg", "notes.txt")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as made:
        for name in ("set/1/1.jpg", "set/2.jpg", "set/labels.csv"):
            made.writestr(name, content(name))
    parts = {"cartoon": Folder(tmp_path / "b"), "anime": Archive(tmp_path / "set.zip", "set")}
    merged = Merged(parts)
    assert merged.names == ("cartoon/1/10.jpg", "cartoon/2.jpg", "anime/1/1.jpg", "anime/2.jpg")
    assert merged.passed_over == ("cartoon/notes.txt", "anime/labels.csv")
    assert merged.place == tmp_path / "b"
    assert merged.path == f"{tmp_path / 'b'} and {tmp_path / 'set.zip'}"
    witness = {f"cartoon/{name}": content(name) for name in ("1/10.jpg", "2.jpg")}
    witness |= {f"anime/{name}": content(f"set/{name}") for name in ("1/1.jpg", "2.jpg")}
    assert read(merged) == witness


def test_of_merged_sources_some_names_may_be_asked(tmp_path, read):
    merged = Merged(
        {key: Folder(folder_of(tmp_path / key, "1.jpg", "2.jpg")) for key in ("a", "b")}
    )
    assert read(merged, ["b/2.jpg", "a/1.jpg"]) == {
        "a/1.jpg": content("1.jpg"),
        "b/2.jpg": content("2.jpg"),
    }
    assert read(merged, []) == {}
