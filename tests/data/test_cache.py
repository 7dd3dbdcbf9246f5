"""Room for images: the budget, the files without names, and moving rows where they lie."""

import errno
import os
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import tf_gen
from tf_gen.data import cache
from tf_gen.data.cache import GIB, Cache, arrange, free_memory
from tf_gen.errors import UserError

RNG = np.random.default_rng(0)
MIB = 2**20


def listing(*folders):
    return [sorted(os.listdir(folder)) for folder in folders]


def in_memory(array):
    return not isinstance(array, np.memmap)


@pytest.fixture(params=[1, 0], ids=["memory", "file"])
def room(request, tmp_path):
    """(shape) -> an array, in memory or in a file."""
    return lambda *shape: Cache(request.param).array(shape, tmp_path)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's folder for temporary files, one of its own."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


@pytest.fixture
def full_disk(monkeypatch):
    """The folders in which a file was to take its room, all in vain."""

    def allocate(file, start, size):
        asked.append(Path(os.readlink(f"/proc/self/fd/{file}")).parent)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    asked = []
    monkeypatch.setattr(os, "posix_fallocate", allocate)
    return asked


# ----------------------------------------------------------------------------------- the budget


def test_arrays_are_in_memory_up_to_the_budget_in_all(tmp_path):
    room = Cache(3 * MIB / GIB)
    arrays = [room.array((2, 512, 1024), tmp_path) for _ in range(5)]  # of 1 MiB
    assert [in_memory(array) for array in arrays] == [True, True, True, False, False]
    assert room.left == 0


def test_what_is_too_large_leaves_the_budget_to_others(tmp_path):
    room = Cache(MIB / GIB)
    assert not in_memory(room.array((MIB + 1,), tmp_path))
    assert in_memory(room.array((MIB,), tmp_path))
    assert not in_memory(room.array((1,), tmp_path))
    assert in_memory(room.array((0, 3), tmp_path))


def test_caches_do_not_share_a_budget(tmp_path):
    for _ in range(3):
        assert in_memory(Cache(MIB / GIB).array((MIB,), tmp_path))


def test_by_default_the_budget_is_a_quarter_of_what_is_free(monkeypatch):
    monkeypatch.setattr(cache, "free_memory", lambda: 1000)
    assert Cache().left == 250
    assert Cache(2).left == 2 * 2**30


def test_a_size_beyond_any_memory_is_only_a_number(tmp_path, full_disk):
    with pytest.raises(UserError, match="^1024.0 GiB"):
        Cache(1).array((2**20, 2**10, 2**10), tmp_path)


# ------------------------------------------------------------------------------------- the file


@pytest.mark.parametrize("shape", [(5, 4, 4, 3), (7,), (3, 2, 8, 8, 3), (1, 1), (100, 60, 60, 3)])
def test_a_file_behaves_like_memory(shape, tmp_path):
    plain, mapped = (Cache(gib).array(shape, tmp_path) for gib in (1, 0))
    assert in_memory(plain) and not in_memory(mapped)
    values = RNG.integers(0, 256, shape, np.uint8)
    for array in (plain, mapped):
        assert (array.dtype, array.shape) == (np.uint8, shape)
        assert array.flags.writeable and array.flags.c_contiguous
        array[:] = values
        np.testing.assert_array_equal(array, values)
        array[-1] = 7
    np.testing.assert_array_equal(plain, mapped)
    np.testing.assert_array_equal(plain[::-1][:2].mean(), mapped[::-1][:2].mean())
    np.testing.assert_array_equal(np.concatenate([plain, mapped])[len(plain) :], mapped)


def test_arrays_in_files_do_not_share_them(tmp_path):
    room = Cache(0)
    arrays = [room.array((10, 1000), tmp_path) for _ in range(4)]
    for value, array in enumerate(arrays):
        array[:] = value
    for value, array in enumerate(arrays):
        assert (array == value).all()


def test_no_file_has_a_name_even_while_it_is_used(tmp_path, temporary):
    before = listing(tmp_path, temporary)
    array = Cache(0).array((100, 1000), tmp_path)
    array[:] = 1
    array.flush()
    assert listing(tmp_path, temporary) == before
    del array
    assert listing(tmp_path, temporary) == before


def test_nothing_is_left_of_a_process_that_is_killed(tmp_path):
    code = """
import os, signal, sys
from pathlib import Path
from tf_gen.data.cache import Cache
array = Cache(0).array((100, 1000), Path(sys.argv[1]))
array[:] = 1
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(tf_gen.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=root, capture_output=True)
    assert done.returncode == -9
    assert listing(tmp_path) == [[]]


def test_the_file_has_its_room_on_the_disk_from_the_start(tmp_path, monkeypatch):
    asked, allocate = [], os.posix_fallocate

    def counted(file, start, size):
        allocate(file, start, size)
        asked.append((os.fstat(file).st_size, os.fstat(file).st_blocks * 512 >= size))
        assert listing(tmp_path) == [[]]  # nor has it a name then

    monkeypatch.setattr(os, "posix_fallocate", counted)
    Cache(0).array((3, MIB), tmp_path)
    assert asked == [(3 * MIB, True)]


def test_a_system_without_allocation_writes_files_all_the_same(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    array = Cache(0).array((3, 1000), tmp_path)
    array[:] = 5
    assert array.shape == (3, 1000) and (array == 5).all() and not in_memory(array)


@pytest.mark.parametrize("place", ["absent", "a file"])
def test_where_no_file_can_be_written_the_folder_for_temporary_files_serves(
    place, tmp_path, temporary
):
    (tmp_path / "a file").touch()
    before = listing(tmp_path, temporary)
    array = Cache(0).array((2, 1000), tmp_path / place)
    array[:] = 3
    assert not in_memory(array) and (array == 3).all()
    assert listing(tmp_path, temporary) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write all")
def test_a_read_only_folder_is_left_as_it_is(tmp_path):
    tmp_path.chmod(0o555)
    try:
        array = Cache(0).array((2, 1000), tmp_path)
    finally:
        tmp_path.chmod(0o755)
    array[:] = 3
    assert (array == 3).all()


def test_no_room_anywhere_is_told_with_the_way_out(tmp_path, full_disk, temporary):
    with pytest.raises(UserError) as caught:
        Cache(0).array((3, GIB // 2), tmp_path)
    message = str(caught.value)
    assert message.startswith("1.5 GiB of decoded images") and "\n" not in message
    assert "more than the cache has memory for" in message
    assert message.endswith("free space, or give the cache more memory")
    for folder in (tmp_path, temporary):
        assert f"{folder}: No space left on device" in message
    assert full_disk == [tmp_path, temporary]
    assert listing(tmp_path, temporary) == [["temporary"], []]


def test_no_room_beside_the_data_leads_to_the_folder_for_temporary_files(tmp_path, monkeypatch):
    allocate, asked = os.posix_fallocate, []

    def full_at_first(*args):
        asked.append(args)
        if len(asked) == 1:
            raise OSError(errno.ENOSPC, "full")
        allocate(*args)

    monkeypatch.setattr(os, "posix_fallocate", full_at_first)
    assert Cache(0).array((3, 1000), tmp_path).shape == (3, 1000)
    assert len(asked) == 2


# -------------------------------------------------------------------------------------- arrange


def filled(array):
    array[:] = RNG.integers(0, 256, array.shape, np.uint8)
    return array


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("shape", [(), (3,), (4, 2, 3)])
def test_rows_are_moved_to_their_places(seed, shape, room):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 60))
    array = filled(room(count, *shape))
    rows = rng.permutation(count)[: rng.integers(0, count + 1)]
    witness = np.array(array)[rows]
    moved = arrange(array, rows)
    np.testing.assert_array_equal(moved, witness)
    assert moved.shape == (len(rows), *shape)
    assert not len(rows) or np.shares_memory(moved, array)


@pytest.mark.parametrize(
    "rows",
    [
        range(12),
        range(11, -1, -1),
        [*range(1, 12), 0],
        range(0, 12, 2),
        [1, 0, 3, 2, 5, 4],
        [11],
        [0],
        [],
        (),
        np.arange(3, 9, dtype=np.int32),
    ],
)
def test_orders_of_any_kind_are_kept(rows, room):
    array = filled(room(12, 2, 3))
    witness = np.array(array)[np.asarray(rows, int)]
    np.testing.assert_array_equal(arrange(array, rows), witness)


def test_arranging_twice_picks_of_the_first_choice(room):
    array = filled(room(30, 5))
    witness = np.array(array)
    first, second = RNG.permutation(30)[:20], RNG.permutation(20)[:10]
    np.testing.assert_array_equal(arrange(arrange(array, first), second), witness[first][second])


def test_arranging_nothing_of_nothing_is_nothing(room):
    assert arrange(room(1, 3), []).shape == (0, 3)
    assert arrange(np.empty((0, 3), np.uint8), []).shape == (0, 3)


def test_rows_in_place_are_not_written(tmp_path):
    array = filled(Cache(1).array((9, 4), tmp_path))
    array.flags.writeable = False
    np.testing.assert_array_equal(arrange(array, range(5)), array[:5])


def test_arranging_takes_the_memory_of_a_row_not_of_the_array(room):
    array = filled(room(200, 100_000))
    rows = RNG.permutation(200)[:150]
    tracemalloc.start()
    arrange(array, rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * array[0].nbytes < array.nbytes / 10


# ---------------------------------------------------------------------------------- free memory


def test_free_memory_is_part_of_the_memory_that_there_is():
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < free_memory() <= physical


@pytest.fixture
def group(tmp_path, monkeypatch):
    """(limit, used) -> what is free in a control group of these numbers, as text."""

    def free(limit, used):
        for name, text in (("memory.max", limit), ("memory.current", used)):
            (tmp_path / name).write_text(f"{text}\n")
        return free_memory()

    places = {"/sys/fs/cgroup": tmp_path}
    monkeypatch.setattr(cache, "Path", lambda path: places.get(path) or Path(path))
    return free


def test_a_control_group_limits_what_is_free(group):
    assert group(10_000_000, 4_000_000) == 6_000_000
    assert group(10_000_000, 10_000_000) == 0
    assert group(10_000_000, 12_000_000) == 0


@pytest.mark.parametrize("limit", ["max", 2**62, ""])
def test_a_control_group_without_a_limit_limits_nothing(limit, group):
    assert free_memory() / 2 < group(limit, 4_000_000) < 2 * free_memory()


def test_what_the_system_says_is_free_is_a_limit(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemTotal:  16 kB\nMemFree:  3 kB\nMemAvailable:    5 kB\n")
    places = {"/proc/meminfo": tmp_path / "meminfo", "/sys/fs/cgroup": tmp_path}
    monkeypatch.setattr(cache, "Path", lambda path: places.get(path) or Path(path))
    assert free_memory() == 5 * 1024
    (tmp_path / "meminfo").unlink()
    assert free_memory() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
