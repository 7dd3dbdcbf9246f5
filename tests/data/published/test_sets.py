"""Published sets: where they are found, how they are fetched, what is said of one that differs."""

import http.server
import io
import tarfile
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tf_gen.data import load_pairs
from tf_gen.data.published.sets import (
    ANIME_FACES,
    CARTOON_FACES,
    MAPS,
    NotFound,
    compare,
    default_data_dir,
    obtain,
    places,
)
from tf_gen.errors import UserError


def jpeg(index):
    """Noise of 16 x 8 pixels."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(index).integers(0, 256, (8, 16, 3), np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG")
    return stream.getvalue()


FILES = {"train/1.jpg": jpeg(1), "train/2.jpg": jpeg(2), "val/1.jpg": jpeg(3)}


def unpacked(folder):
    for name, data in FILES.items():
        path = folder / "maps" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def archive(extra=()):
    """The bytes of a maps.tar.gz, with extra members (name, data)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in [*((f"maps/{name}", data) for name, data in FILES.items()), *extra]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def packed(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "maps.tar.gz").write_bytes(archive())


OFFLINE = replace(MAPS, urls=())


def found(data_dir, published=OFFLINE):
    source = obtain(published, places(data_dir), data_dir / "downloads")
    return {name: read() for name, read in source.items(source.names)}


@pytest.mark.parametrize("lay", [unpacked, packed])
@pytest.mark.parametrize("below", ["", "downloads/manual", "downloads"])
def test_a_set_is_found_unpacked_or_packed_wherever_it_may_lie(lay, below, tmp_path):
    lay(tmp_path / below)
    assert found(tmp_path) == FILES


def test_the_data_folder_may_be_the_set_itself(tmp_path):
    unpacked(tmp_path)
    assert found(tmp_path / "maps") == FILES


def test_both_ways_give_the_same_pairs_and_digest(tmp_path):
    unpacked(tmp_path / "a")
    packed(tmp_path / "b")
    pairs = [load_pairs(obtain(MAPS, places(tmp_path / one), tmp_path), "train", 8) for one in "ab"]
    np.testing.assert_array_equal(pairs[0].a, pairs[1].a)
    assert pairs[0].digest == pairs[1].digest and pairs[0].names == pairs[1].names


def test_a_folder_that_tfds_keeps_under_the_same_name_is_passed_by(tmp_path):
    folder = tmp_path / "anime_faces" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "anime_faces-train.tfrecord-00000-of-00001").touch()
    with pytest.raises(UserError):
        found(tmp_path, ANIME_FACES)
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as packed_faces:
        packed_faces.writestr("images/1.jpg", jpeg(1))
    assert found(tmp_path, ANIME_FACES) == {"images/1.jpg": jpeg(1)}


def test_one_message_says_what_to_fetch_from_where_to_where(tmp_path):
    with pytest.raises(UserError) as caught:
        found(tmp_path, ANIME_FACES)
    message = str(caught.value)
    for part in (
        "kaggle.com/datasets/splcher/animefacedataset", "soumikrakshit/anime-faces",
        "animefacedataset.zip", str(tmp_path),
    ):  # fmt: skip
        assert part in message
    assert "\n" not in message


def test_downloads_that_cannot_be_written_are_told_with_what_to_fetch(tmp_path):
    downloads = tmp_path / "a file" / "downloads"
    downloads.parent.touch()
    with pytest.raises(NotFound, match=r"a file.*: Not a directory. Fetch it from .*maps.tar.gz"):
        obtain(MAPS, [tmp_path], downloads)


def test_an_archive_of_something_else_is_refused(tmp_path):
    with tarfile.open(tmp_path / "maps.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("facades/train/1.jpg"))
    with pytest.raises(UserError, match="no images below maps/"):
        found(tmp_path)


def test_the_place_of_tensorflow_datasets_is_the_default(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert default_data_dir() == tmp_path
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert default_data_dir().parts[-1] == "tensorflow_datasets"


# ------------------------------------------------------------------------------------ fetching


@pytest.fixture
def serve():
    """(bytes or None for 404) -> URL on the loopback address; ``serve.requests`` counts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            serve.requests += 1
            if serve.data is None:
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Length", str(len(serve.data)))
            self.end_headers()
            self.wfile.write(serve.data)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def serve(data):
        serve.data = data
        return f"http://127.0.0.1:{server.server_port}/maps.tar.gz"

    serve.requests = 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield serve
    server.shutdown()
    thread.join()
    server.server_close()


def published_at(url, size=None):
    return replace(MAPS, urls=(url,), size=size)


def everything_below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_set_is_fetched_once(serve, tmp_path):
    published = published_at(serve(archive()), len(archive()))
    assert found(tmp_path, published) == FILES == found(tmp_path, published)
    assert serve.requests == 1
    assert everything_below(tmp_path) == ["downloads", "downloads/maps.tar.gz"]


def damaged(data):
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]


BAD = {
    "a byte altered": (lambda: damaged(archive()), "damaged or incomplete archive"),
    "a path upwards": (lambda: archive([("maps/../../evil.jpg", b"x")]), "../../evil.jpg"),
    "an absolute path": (lambda: archive([("/tmp/evil.jpg", b"x")]), "/tmp/evil.jpg"),
    "no archive": (lambda: b"welcome", "damaged or incomplete archive"),
    "not there": (lambda: None, "404"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_download_leaves_nothing_and_says_what_to_do(case, serve, tmp_path):
    data, reason = BAD[case]
    url = serve(data())
    with pytest.raises(UserError) as caught:
        found(tmp_path / "data", published_at(url))
    message = str(caught.value)
    assert reason in message and url in message and "put maps.tar.gz" in message
    assert "\n" not in message
    assert everything_below(tmp_path) in (["data"], ["data", "data/downloads"])


def test_another_size_is_refused_before_it_is_fetched(serve, tmp_path):
    with pytest.raises(UserError, match="not 250,242,400"):
        found(tmp_path, published_at(serve(archive()), MAPS.size))


# ------------------------------------------------------------------------------------- compare


def of_maps(val=1098, digests=MAPS.digests):
    return compare(MAPS, {"train": 1096, "val": val}, digests)


def test_the_genuine_set_is_recognised_by_its_digests():
    same, said = of_maps()
    assert same and "train: the published 1,096, by their digest" in said


def test_each_split_is_judged_apart():
    same, said = of_maps(val=100)
    assert not same
    assert "train: the published 1,096, by their digest" in said
    assert "val: 100, where the published set has 1,098" in said


def test_other_contents_in_the_same_number_are_no_published_set():
    same, said = of_maps(digests={**MAPS.digests, "train": "0" * 64})
    assert not same
    assert "train: 1,096, as many as published, but not the same by their digest" in said


def test_without_a_digest_only_the_number_is_compared_and_that_is_said():
    assert compare(CARTOON_FACES, {"": 10_000}, {}) == (
        True, "the Cartoon Set: 10,000, as many as published (no digest of them is known)",
    )  # fmt: skip
    same, said = compare(ANIME_FACES, {"": 8_000}, {})
    assert not same and "8,000, where the published set has 63,565 or 21,551" in said
