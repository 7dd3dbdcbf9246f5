"""Archives as sources of encoded images, against the standard library."""

import gzip
import io
import lzma
import random
import stat
import struct
import tarfile
import time
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tf_gen.data import sources
from tf_gen.data.published import archive as archive_module
from tf_gen.data.published.archive import Archive
from tf_gen.data.sources import Unreadable, natural_key
from tf_gen.errors import UserError

KINDS = ["zip", "tar", "tar.gz", "tgz", "tar.xz"]
TARS = KINDS[1:]
ALL_KINDS = pytest.mark.parametrize("kind", KINDS)
MEMBERS = (
    *("maps/train/10.jpg", "maps/train/2.jpg", "maps/train/1.jpg", "maps/val/1.png"),
    *("maps/é 顔/a b.webp", f"maps/{'long ' * 30}/{'name ' * 10}.gif"),
)
BELOW = tuple(name.removeprefix("maps/") for name in MEMBERS)


def content(name) -> bytes:
    """Noise of its own for each name."""
    return random.Random(name).randbytes(700)


def tar_member(name, data=b"", **attributes):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in attributes.items():
        setattr(member, key, value)
    return member, io.BytesIO(data)


def archive_of(path, files, **options):
    """A zip or tar file of (name, bytes), of the kind that its name says."""
    kind = path.name.partition(".")[2]
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as archive:
            for name, data in files:
                archive.writestr(name, data)
    else:
        compressed = {"tar": "", "tar.gz": "gz", "tgz": "gz", "tar.xz": "xz"}[kind]
        with tarfile.open(path, f"w:{compressed}", **options) as archive:
            for name, data in files:
                archive.addfile(*tar_member(name, data))
    return path


def archive(path, *names):
    return archive_of(path, [(name, content(name)) for name in names])


def listing(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@ALL_KINDS
def test_an_archive_gives_the_bytes_of_its_images(kind, tmp_path, read):
    path = archive(tmp_path / f"set.{kind}", *MEMBERS)
    source = Archive(path, "maps")
    assert source.names == tuple(sorted(BELOW, key=natural_key))
    assert source.names[-5:-2] == ("train/1.jpg", "train/2.jpg", "train/10.jpg")
    assert read(source) == {name: content(f"maps/{name}") for name in BELOW}
    assert (source.path, source.place, source.passed_over) == (path, tmp_path, ())
    assert listing(tmp_path) == [path.name]  # nothing is unpacked


@ALL_KINDS
def test_of_an_archive_some_names_may_be_asked_and_again(kind, tmp_path, read):
    source = Archive(archive(tmp_path / f"set.{kind}", *MEMBERS), "maps")
    for names in (["val/1.png", "train/10.jpg"], [], ["train/2.jpg"], ["train/2.jpg"]):
        assert read(source, names) == {name: content(f"maps/{name}") for name in names}
    assert read(source, ["val/1.png", "absent.jpg"]).keys() == {"val/1.png"}


@pytest.mark.parametrize("kind", TARS)
def test_a_tar_file_is_read_in_its_own_order(kind, tmp_path, read):
    source = Archive(archive(tmp_path / f"set.{kind}", *MEMBERS), "maps")
    assert tuple(read(source)) == BELOW


@ALL_KINDS
def test_an_archive_without_a_root_gives_all_names(kind, tmp_path, read):
    source = Archive(archive(tmp_path / f"set.{kind}", *MEMBERS))
    assert read(source) == {name: content(name) for name in MEMBERS}


@ALL_KINDS
def test_what_lies_beside_the_root_and_what_is_hidden_is_left_out(kind, tmp_path):
    others = ("map/1.jpg", "maps2/1.jpg", "1.jpg")
    hidden = ("maps/.1.jpg", "maps/.thumbs/1.jpg", "maps/train/._1.jpg", "__MACOSX/._1.jpg",
              "__MACOSX/maps/train/._1.jpg")  # fmt: skip
    path = archive(tmp_path / f"set.{kind}", *others, *hidden, "maps/1.jpg")
    assert Archive(path, "maps").names == ("1.jpg",)
    assert Archive(path, "maps").passed_over == ()
    assert set(Archive(path).names) == {"maps/1.jpg", "map/1.jpg", "maps2/1.jpg", "1.jpg"}


@ALL_KINDS
def test_files_of_an_archive_that_are_no_images_are_passed_over_and_told(kind, tmp_path):
    path = archive(tmp_path / f"set.{kind}", "s/10.csv", "s/1.jpg", "s/9.csv", "s/a", "s/B.JPG")
    source = Archive(path, "s")
    assert set(source.names) == {"1.jpg", "B.JPG"}
    assert source.passed_over == ("9.csv", "10.csv", "a")


@ALL_KINDS
def test_members_may_begin_with_a_dot_and_a_slash(kind, tmp_path, read):
    names = [f"./{name}" for name in MEMBERS]
    source = Archive(archive(tmp_path / f"set.{kind}", *names), "maps")
    assert read(source) == {name: content(f"./maps/{name}") for name in BELOW}


@ALL_KINDS
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_occurs_twice_is_yielded_once(kind, tmp_path):
    files = [("a/1.jpg", b"first"), ("a/2.jpg", b"other"), ("a/1.jpg", b""), ("./a/1.jpg", b"")]
    source = Archive(archive_of(tmp_path / f"set.{kind}", files), "a")
    assert source.names == ("1.jpg", "2.jpg")
    items = [(name, read()) for name, read in source.items(source.names)]
    assert items == [("1.jpg", b"first"), ("2.jpg", b"other")]


@ALL_KINDS
def test_folders_in_an_archive_are_no_files(kind, tmp_path, read):
    path = tmp_path / f"set.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as made:
            made.mkdir("a.jpg")
            made.writestr("a.jpg/1.jpg", b"1")
    else:
        with tarfile.open(path, "w") as made:
            made.addfile(*tar_member("a.jpg", type=tarfile.DIRTYPE))
            made.addfile(*tar_member("a.jpg/1.jpg", b"1"))
    assert read(Archive(path)) == {"a.jpg/1.jpg": b"1"}
    assert Archive(path).passed_over == ()


def test_what_a_file_is_says_its_content_not_its_name(tmp_path, read):
    """With a zip file in it, a tar file ends much like one."""
    inner = archive(tmp_path / "inner.zip", "x.jpg").read_bytes()
    path = archive_of(tmp_path / "set.tar", [("1.jpg", b"1"), ("inner.zip", inner)])
    assert zipfile.is_zipfile(path)
    assert read(Archive(path)) == {"1.jpg": b"1"}
    assert Archive(path).passed_over == ("inner.zip",)
    assert read(Archive((tmp_path / "inner.zip").rename(tmp_path / "a.tgz"))).keys() == {"x.jpg"}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("kind", TARS)
def test_the_formats_of_tar_files_are_read(form, kind, tmp_path, read):
    files = [(name, content(name)) for name in MEMBERS if len(name) < 100 and name.isascii()]
    source = Archive(archive_of(tmp_path / f"set.{kind}", files, format=form))
    assert read(source) == dict(files)


def test_the_bytes_of_a_zip_file_are_read_when_asked_from_any_thread(tmp_path):
    names = [f"{i}.jpg" for i in range(200)]
    source = Archive(archive(tmp_path / "set.zip", *names))
    items = list(source.items(names))
    with ThreadPoolExecutor(8) as pool:
        data = list(pool.map(lambda item: item[1](), items))
    assert data == [content(name) for name, _ in items]


def test_bytes_of_a_tar_file_may_be_asked_later(tmp_path, read):
    source = Archive(archive(tmp_path / "set.tar.gz", *MEMBERS), "maps")
    items = list(source.items(source.names))
    assert {name: read() for name, read in reversed(items)} == read(source)


# ------------------------------------------------------------------------- members that lead out

UNSAFE = ["../evil.jpg", "/abs.jpg", "a/../../x.jpg", "C:\\x.jpg", "C:/x.jpg", "..\\x.jpg", "a/..",
          "\\x.jpg", "a\\..\\..\\x.jpg"]  # fmt: skip


def assert_refused(path, name, refusal):
    before = listing(path.parent.parent)
    message = refusal(Archive, path)
    assert message.startswith(f"{path}: its member {name!r} is a ")
    assert listing(path.parent.parent) == before


@pytest.fixture
def inner(tmp_path):
    """A folder in the folder, so that what is written above is seen, too."""
    (tmp_path / "inner").mkdir()
    return tmp_path / "inner"


@ALL_KINDS
@pytest.mark.parametrize("name", UNSAFE)
def test_a_path_that_leads_out_is_refused_and_nothing_written(kind, name, inner, refusal):
    files = [("1.jpg", b"1"), (name, b"evil"), ("2.jpg", b"2")]
    assert_refused(archive_of(inner / f"set.{kind}", files), name, refusal)


@pytest.mark.parametrize("kind", TARS)
@pytest.mark.parametrize(
    "type_", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_file_are_refused(kind, type_, inner, refusal):
    path = inner / f"set.{kind}"
    with tarfile.open(path, "w") as made:
        made.addfile(*tar_member("1.jpg", b"1"))
        made.addfile(*tar_member("evil.jpg", type=type_, linkname="1.jpg"))
    assert_refused(path, "evil.jpg", refusal)


def test_a_link_in_a_zip_file_is_refused(inner, refusal):
    link = zipfile.ZipInfo("evil.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(inner / "set.zip", "w") as made:
        made.writestr("1.jpg", b"1")
        made.writestr(link, "/etc/passwd")
    assert_refused(inner / "set.zip", "evil.jpg", refusal)


def test_dots_and_colons_within_names_are_of_no_concern(tmp_path):
    names = ("a..b.jpg", "a/...jpg/1.jpg", "a/12:30.jpg", "~/x.jpg")
    source = Archive(archive(tmp_path / "set.tar", *names))
    assert set(source.names) == set(names) - {"a/...jpg/1.jpg"}  # that one is hidden


# ------------------------------------------------------------------------------ damaged archives


def outcome(path, names):
    """Read an archive whole: {name: bytes or the Unreadable}, or the UserError's text."""
    try:
        source, read = Archive(path), {}
        for name, reader in source.items(source.names):
            try:
                read[name] = reader()
            except Unreadable as error:
                assert str(error).startswith(f"{name}: ")
                read[name] = error
        return read
    except UserError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        return str(error)


@ALL_KINDS
def test_a_truncated_archive_is_refused(kind, tmp_path, refusal):
    data = archive(tmp_path / f"set.{kind}", *MEMBERS).read_bytes()
    path = tmp_path / f"cut.{kind}"
    end = data.rindex(content(MEMBERS[-1])) + 1024 if kind == "tar" else len(data)  # or in padding
    lengths = {0, 1, 3, 100, end - 1, *range(512, end, 512), *range(400, end, 777)}
    for length in sorted(lengths):
        path.write_bytes(data[:length])
        message = refusal(Archive, path)
        assert message.startswith(f"{path}: a damaged or incomplete archive (")


def test_a_damaged_header_within_a_tar_file_is_not_taken_for_its_end(tmp_path, refusal):
    data = archive(tmp_path / "set.tar", "1.jpg", "2.jpg", "3.jpg").read_bytes()
    path = tmp_path / "damaged.tar"
    for name in (b"2.jpg", b"3.jpg"):
        at = data.index(name)
        path.write_bytes(data[: at + 200] + b"x" + data[at + 201 :])
        with tarfile.open(path) as witness:
            assert len(witness.getnames()) < 3
        assert "bad checksum" in refusal(Archive, path)


@pytest.mark.parametrize("kind", ["tar.gz", "tgz", "tar.xz"])
def test_a_flipped_byte_of_a_compressed_tar_file_is_found(kind, tmp_path, refusal):
    data = archive(tmp_path / f"set.{kind}", *MEMBERS).read_bytes()
    path = tmp_path / f"flipped.{kind}"
    start = 10 + len("set.tar") + 1 if kind != "tar.xz" else 0  # gzip's own header has no checksum
    for place in [*range(start, len(data), 97), len(data) - 1, len(data) - 5]:
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        assert "damaged or incomplete" in refusal(Archive, path)


def test_a_flipped_byte_in_a_member_of_a_zip_file_is_told_of_that_member(tmp_path):
    path = archive(tmp_path / "set.zip", *MEMBERS)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as made:
        member = made.getinfo(MEMBERS[1])
    data[member.header_offset + 30 + len(MEMBERS[1]) + member.compress_size // 2] ^= 1
    path.write_bytes(data)
    found = outcome(path, MEMBERS)
    assert isinstance(found.pop(MEMBERS[1]), Unreadable)
    assert found == {name: content(name) for name in MEMBERS if name != MEMBERS[1]}


@ALL_KINDS
@pytest.mark.parametrize("data", [b"", b"\0", bytes(2000), b"not an archive\n" * 50, b"PK\3\4" * 9])
def test_what_is_no_archive_is_refused_in_one_line(kind, data, tmp_path, refusal):
    path = tmp_path / f"maps.{kind}"
    path.write_bytes(data)
    if data == bytes(2000):  # to tar, an empty archive
        assert outcome(path, ()) == {}
    else:
        assert refusal(Archive, path).startswith(f"{path}: a damaged or incomplete archive (")


def test_an_archive_that_is_not_there_or_a_folder_is_named(tmp_path, refusal):
    for path in (tmp_path / "absent.zip", tmp_path):
        assert refusal(Archive, path).startswith(f"{path}: ")


def marked(data, *fields):
    """A zip file of one member with (mark of a header, its field's place, code, value) set."""
    data = bytearray(data)
    for mark, place, code, value in fields:
        struct.pack_into(code, data, data.index(mark) + place, value)
    return bytes(data)


LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


def test_an_encrypted_member_is_told(tmp_path, read):
    path = archive(tmp_path / "set.zip", "1.jpg")
    path.write_bytes(marked(path.read_bytes(), (LOCAL, 6, "<H", 1), (CENTRAL, 8, "<H", 1)))
    with pytest.raises(Unreadable, match="^1.jpg: .*encrypted"):
        read(Archive(path))


def test_an_unknown_compression_is_told(tmp_path, read):
    path = archive(tmp_path / "set.zip", "1.jpg")
    path.write_bytes(marked(path.read_bytes(), (LOCAL, 8, "<H", 97), (CENTRAL, 10, "<H", 97)))
    with pytest.raises(Unreadable, match="^1.jpg: "):
        read(Archive(path))


@pytest.mark.parametrize(
    "fields",
    [
        [(CENTRAL, 6, "<H", 201)],  # the version that it takes to unpack it
        [(CENTRAL, 8, "<H", 0x800), (CENTRAL, 46, "<B", 0xFF)],  # a name that is no UTF-8
        [(END, 12, "<I", 2**32 - 2)],  # the size of the directory
        [(END, 12, "<I", 20), (END, 16, "<I", 2**31)],  # its place, too
    ],
)
def test_a_damaged_directory_of_a_zip_file_is_told(fields, tmp_path, refusal):
    path = archive(tmp_path / "set.zip", "1.jpg")
    path.write_bytes(marked(path.read_bytes(), *fields))
    assert "damaged or incomplete" in refusal(Archive, path)


def damaged(data, rng):
    """Cut off, or with a few bytes set or a few bits flipped."""
    if rng.random() < 0.25:
        return data[: rng.integers(len(data))]
    data = bytearray(data)
    for place in rng.integers(0, len(data), rng.integers(1, 4)):
        data[place] ^= rng.choice([1 << rng.integers(8), rng.integers(256)])
    return with_checksums(data) if rng.random() < 0.5 else bytes(data)


def with_checksums(data):
    """Of a tar file: its headers' sums set right again, so that damage goes deeper."""
    data = bytearray(data)
    for at in range(0, len(data) - 511, 512):
        if data[at + 257 : at + 262] == b"ustar":
            data[at + 148 : at + 156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    return bytes(data)


@ALL_KINDS
def test_a_damaged_archive_never_makes_another_error(kind, tmp_path):
    rng = np.random.default_rng(KINDS.index(kind))
    sound = archive(tmp_path / f"sound.{kind}", *MEMBERS).read_bytes()
    path, whole = tmp_path / f"set.{kind}", {name: content(name) for name in MEMBERS}
    refused = 0
    for _ in range(300):
        path.write_bytes(damaged(sound, rng))
        found = outcome(path, MEMBERS)
        if isinstance(found, str):
            refused += 1
        elif kind != "tar":  # that has no checksum of contents
            read = {name: data for name, data in found.items() if name in whole}
            assert all(isinstance(d, Unreadable) or d == whole[n] for n, d in read.items())
    assert refused >= 50


# ---------------------------------------------------------------------------------- huge claims


def assert_small(function, *args):
    """What it gives or how it refuses, without memory for what is claimed."""
    tracemalloc.start()
    try:
        return function(*args)
    except UserError as error:
        assert "\n" not in str(error)
        return str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 10 * 2**20


def number(value, width=12):
    """A number of a tar header: octal or, where it is too large or negative, in base 256."""
    if 0 <= value < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, value)
    return bytes([255 if value < 0 else 128]) + (value % 256 ** (width - 1)).to_bytes(width - 1)


def with_size(data, name, value):
    """A tar file with the size of a member set; its header's sum is right."""
    at = data.index(name) + 124
    return with_checksums(data[:at] + number(value) + data[at + 12 :])


CLAIMS = [2**28 + 1, 8**11 - 1, 2**40, 2**63, 2**80]


@pytest.mark.parametrize("kind", TARS)
@pytest.mark.parametrize("claim", [*CLAIMS, 10**6, -1, -512, -1024, -(2**63)])
def test_a_size_that_a_tar_file_only_claims_takes_no_memory(claim, kind, tmp_path):
    data = archive(tmp_path / "set.tar", "1.jpg", "2.jpg", "3.jpg").read_bytes()
    path = tmp_path / f"claims.{kind}"
    packed = {"tar": bytes, "tar.xz": lzma.compress}.get(kind, gzip.compress)
    path.write_bytes(packed(with_size(data, b"2.jpg", claim)))
    start = time.perf_counter()
    assert "damaged or incomplete" in assert_small(outcome, path, ())
    assert time.perf_counter() - start < 5  # a negative size leads back: no endless circle


@pytest.mark.parametrize("type_", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("claim", CLAIMS)
def test_a_long_name_that_a_tar_file_only_claims_takes_no_memory(claim, type_, tmp_path):
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w") as made:
        made.addfile(*tar_member("1.jpg", b"1"))
        made.addfile(*tar_member("name", b"1", type=type_))
        made.addfile(*tar_member("2.jpg", b"2"))
    path.write_bytes(with_size(path.read_bytes(), b"name", claim))
    assert f"header of {claim:,} bytes" in assert_small(outcome, path, ())


def test_a_long_name_that_a_tar_file_holds_packed_takes_no_memory(tmp_path):
    path = tmp_path / "set.tgz"
    with tarfile.open(path, "w:gz") as made:
        made.addfile(*tar_member("1.jpg", b"1"))
        made.addfile(*tar_member("name", bytes(50_000_000), type=tarfile.GNUTYPE_LONGNAME))
        made.addfile(*tar_member("2.jpg", b"2"))
    assert "header of 50,000,000 bytes" in assert_small(outcome, path, ())


def test_files_with_holes_in_a_tar_file_are_refused(tmp_path, refusal):
    """``tarfile`` looks without end for what lies beyond a damaged map of the holes."""
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as made:
        headers = {"GNU.sparse.map": "0,-5", "GNU.sparse.size": "100", "GNU.sparse.name": "1.jpg"}
        made.addfile(*tar_member("1.jpg", b"1" * 10, pax_headers=headers))
    assert "'1.jpg'" in refusal(Archive, path)


@pytest.mark.parametrize("claim", [2**28 + 1, 2**32 - 2])
def test_a_size_that_a_zip_file_only_claims_takes_no_memory(claim, tmp_path):
    path = archive(tmp_path / "set.zip", "1.jpg")
    sizes = (LOCAL, 22, "<I", claim), (CENTRAL, 24, "<I", claim)
    path.write_bytes(marked(path.read_bytes(), *sizes))
    (found,) = assert_small(outcome, path, ()).values()
    assert str(found).startswith(f"1.jpg: {claim:,} bytes is more than")


def test_a_member_of_a_zip_file_that_holds_more_than_it_claims_takes_no_memory(tmp_path):
    path = archive_of(tmp_path / "set.zip", [("1.jpg", bytes(100_000_000))])
    path.write_bytes(marked(path.read_bytes(), (LOCAL, 22, "<I", 900), (CENTRAL, 24, "<I", 900)))
    (found,) = assert_small(outcome, path, ()).values()
    assert isinstance(found, Unreadable)


@ALL_KINDS
def test_a_member_larger_than_is_read_is_refused_by_name(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_BYTES", 800)
    monkeypatch.setattr(archive_module, "MAX_BYTES", 800)
    files = [("1.jpg", b"1" * 800), ("2.jpg", b"2" * 801), ("3.jpg", b"3")]
    found = outcome(archive_of(tmp_path / f"set.{kind}", files), ())
    assert str(found.pop("2.jpg")).startswith("2.jpg: 801 bytes is more than the 800")
    assert found == {"1.jpg": b"1" * 800, "3.jpg": b"3"}
