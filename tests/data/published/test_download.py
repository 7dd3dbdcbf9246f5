"""Downloads from a real server on this machine that answers as each test says."""

import contextlib
import fcntl
import hashlib
import io
import os
import re
import resource
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tf_gen import file_lock
from tf_gen.data.published import download
from tf_gen.data.published.download import fetch
from tf_gen.errors import UserError

DATA = np.random.default_rng(0).bytes(600_000)
OTHER = np.random.default_rng(1).bytes(600_000)
HALF = len(DATA) // 2
MODIFIED = "Wed, 01 Jan 2020 00:00:00 GMT"


class Site(ThreadingHTTPServer):
    """Gives one answer after the other; the last one again and again.

    Attributes:
        answers: callables that are given the handler.
        asked: (path, headers) of each request.
        done: set when the test is over, for answers that wait.
    """

    daemon_threads = False  # server_close() waits for them

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked, self.failures = [], [], []
        self.done = threading.Event()

    def url(self, path="/set.tgz"):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def ranges(self):
        return [headers["Range"] for _, headers in self.asked]

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):  # the client may hang up
            self.failures.append(sys.exception())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        answers = self.server.answers
        self.server.asked.append((self.path, self.headers))
        answers[min(len(self.server.asked), len(answers)) - 1](self)

    def start(self, status, **headers):
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE", 0.01)
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        site.done.set()
        site.shutdown()
        thread.join()
    assert not site.failures


def gives(data, *, etag='"1"', modified=None, upto=None, ranges=True, honest=True):
    """An answer like a good server's.

    Args:
        upto: where in the file it breaks off.
        ranges: whether it knows of them; ``honest``: whether it looks at If-Range.
    """

    def answer(handler):
        headers = {"ETag": etag, "Last_Modified": modified, "Content_Type": "application/gzip"}
        asked, condition = handler.headers["Range"], handler.headers["If-Range"]
        if asked and ranges and (not honest or condition in (None, etag, modified)):
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(data):
                return handler.start(416, Content_Range=f"bytes */{len(data)}")
            where = f"bytes {start}-{len(data) - 1}/{len(data)}"
            handler.start(206, **headers, Content_Range=where, Content_Length=len(data) - start)
            handler.wfile.write(data[start:upto])
        else:
            handler.start(200, **headers, Content_Length=len(data))
            handler.wfile.write(data[:upto])

    return answer


def says(status, body=b"", **headers):
    """An answer with this status, whatever was asked for."""

    def answer(handler):
        handler.start(status, **headers)
        handler.wfile.write(body)

    return answer


def waits(data, upto):
    """An answer that stalls for longer than any test takes."""

    def answer(handler):
        gives(data, upto=upto)(handler)
        handler.server.done.wait(60)

    return answer


def refusal(urls, path, **options):
    """The message of the UserError: one line that names the file."""
    with pytest.raises(UserError) as caught:
        fetch(urls, path, **options)
    (line,) = str(caught.value).splitlines()
    assert path.name in line
    return line


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def begun(site, path, data=DATA, upto=HALF, **options):
    """Leave the first bytes of a file as its part, and no request on the site's record."""
    site.answers = [gives(data, upto=upto, **options), says(503)]
    refusal([site.url()], path)
    part = path.with_name(path.name + ".part")
    assert part.read_bytes() == data[:upto] and not path.exists()
    site.asked.clear()
    return part


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "set.tgz"


def assert_whole(path, data=DATA):
    """The file is there, and nothing beside it."""
    assert path.read_bytes() == data
    assert names(path.parent) == [path.name]


def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


# ------------------------------------------------------------------------------------------- whole


def test_a_file_comes_whole(site, path):
    site.answers = [gives(DATA)]
    checked, sha256 = [], hashlib.sha256(DATA).hexdigest()

    def check(part):
        checked.append((part.read_bytes(), part.stat().st_ino))

    found = fetch([site.url()], path, size=len(DATA), sha256=sha256, check=check)
    assert found == path
    assert checked == [(DATA, path.stat().st_ino)]  # moved, not copied
    assert site.ranges() == [None]
    assert_whole(path)


def test_a_file_that_is_there_is_left_alone(site, path):
    site.answers = [gives(DATA)]
    path.parent.mkdir()
    path.write_bytes(b"mine")
    assert fetch([site.url()], path, size=len(DATA)) == path
    assert_whole(path, b"mine")
    assert not site.asked


def test_a_redirection_is_followed(site, path):
    site.answers = [says(302, Location="/elsewhere"), gives(DATA)]
    fetch([site.url()], path)
    assert [asked for asked, _ in site.asked] == ["/set.tgz", "/elsewhere"]
    assert_whole(path)


@pytest.mark.parametrize("data", [DATA, b""], ids=["some", "empty"])
def test_a_file_of_unknown_length_comes_whole(site, path, data):
    site.answers = [says(200, data)]
    fetch([site.url()], path)
    assert_whole(path, data)


# ----------------------------------------------------------------------------------- broken off


def test_what_broke_off_is_gone_on_with_at_once(site, path):
    site.answers = [gives(DATA, upto=HALF), gives(DATA)]
    fetch([site.url()], path)
    assert site.ranges() == [None, f"bytes={HALF}-"]
    assert site.asked[1][1]["If-Range"] == '"1"'
    assert_whole(path)


def test_what_broke_off_is_gone_on_with_by_the_next_call(site, path):
    begun(site, path)
    site.answers = [gives(DATA)]
    fetch([site.url()], path)
    assert site.ranges() == [f"bytes={HALF}-"]
    assert_whole(path)


def test_a_break_is_told_with_what_is_there(site, path):
    site.answers = [gives(DATA, upto=HALF)]
    assert refusal([site.url()], path) == (
        f"cannot fetch set.tgz: {site.url()}: the connection broke off at 300,000 of 600,000 bytes;"
        " another try goes on from there"
    )
    assert site.ranges() == [None] + 3 * [f"bytes={HALF}-"]
    assert names(path.parent) == ["set.tgz.part", "set.tgz.part.json"]


def test_attempts_that_get_on_do_not_count(site, path):
    steps = range(50_000, len(DATA) + 1, 50_000)
    site.answers = [gives(DATA, upto=upto) for upto in steps]
    fetch([site.url()], path, attempts=1)
    assert len(site.asked) == len(steps)
    assert_whole(path)


def test_a_chunked_answer_that_breaks_off_is_not_taken_for_whole(site, path):
    head = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nTransfer-Encoding: chunked\r\n\r\n'
    chunk = b"%x\r\n%s\r\n" % (HALF, DATA[:HALF])
    site.answers = [lambda handler: handler.wfile.write(head + chunk), gives(DATA)]
    fetch([site.url()], path)
    assert site.ranges() == [None, f"bytes={HALF}-"]
    assert_whole(path)


def test_a_server_without_ranges_starts_again(site, path):
    site.answers = [gives(DATA, upto=HALF, ranges=False), gives(DATA, ranges=False)]
    fetch([site.url()], path)
    assert site.ranges() == [None, f"bytes={HALF}-"]
    assert_whole(path)


def test_a_server_without_ranges_that_always_breaks_off_is_given_up(site, path):
    site.answers = [gives(DATA, upto=HALF, ranges=False)]
    assert "broke off at 300,000 of 600,000" in refusal([site.url()], path)
    assert len(site.asked) == 4  # the first got on, three did not


def test_breaks_at_other_places_are_no_progress(site, path):
    def answer(handler):
        if len(site.asked) > 20:
            return says(404)(handler)
        gives(DATA, upto=HALF // (1 + len(site.asked) % 2), ranges=False)(handler)

    site.answers = [answer]
    assert "broke off" in refusal([site.url()], path)
    assert len(site.asked) == 5  # two got on, three did not


def test_a_stall_ends_and_keeps_what_came(site, path):
    site.answers = [waits(DATA, upto=1000)]
    start = time.monotonic()
    line = refusal([site.url()], path, timeout=0.3, attempts=1)
    assert time.monotonic() - start < 5
    assert f"{site.url()}: no answer for 0.3 s at 1,000 of 600,000 bytes; another try" in line
    assert path.with_name("set.tgz.part").read_bytes() == DATA[:1000]


def test_a_server_that_says_nothing_ends_too(site, path):
    site.answers = [lambda handler: handler.server.done.wait(60)]
    assert refusal([site.url()], path, timeout=0.3, attempts=2).endswith(": no answer for 0.3 s")
    assert len(site.asked) == 2
    assert names(path.parent) == []


def test_an_interrupt_keeps_what_came(site, path, monkeypatch):
    site.answers = [gives(DATA, upto=HALF), gives(DATA)]

    def interrupt(bar, count):
        bar.n += count
        if bar.n == HALF:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tqdm.tqdm.update", interrupt)
        fetch([site.url()], path)
    assert path.with_name("set.tgz.part").read_bytes() == DATA[:HALF]
    fetch([site.url()], path)  # it is not locked any more
    assert site.ranges()[-1] == f"bytes={HALF}-"
    assert_whole(path)


def test_a_full_disk_is_no_fault_of_the_server(site, path):
    site.answers = [gives(DATA)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF + 1, limits[1]))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            fetch([site.url()], path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not isinstance(caught.value, UserError)
    assert len(site.asked) == 1
    fetch([site.url()], path)
    assert site.ranges() == [None, f"bytes={HALF + 1}-"]
    assert_whole(path)


def test_a_block_that_is_written_in_pieces_is_written_whole(site, path, monkeypatch):
    class Slow(io.FileIO):
        def write(self, block):
            return super().write(block[:7_000])

    monkeypatch.setattr(download, "open", lambda *args, buffering: Slow(*args), raising=False)
    site.answers = [gives(DATA)]
    fetch([site.url()], path)
    assert_whole(path)


# ------------------------------------------------------------------------------ never a mixture


CHANGES = {  # a site that had DATA, and then OTHER: (options of the first, of the second)
    "an ETag": ({}, {"etag": '"2"'}),
    "an ETag, by a server that ignores If-Range": ({}, {"etag": '"2"', "honest": False}),
    "a weak ETag": ({"etag": 'W/"1"', "honest": False}, {"etag": 'W/"2"', "honest": False}),
    "a date": (
        {"etag": None, "modified": MODIFIED},
        {"etag": None, "modified": MODIFIED.replace("2020", "2021")},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changed_comes_whole(site, path, change):
    first, second = CHANGES[change]
    begun(site, path, **first)
    site.answers = [gives(OTHER, **second)]
    fetch([site.url()], path)
    assert site.ranges()[0] == f"bytes={HALF}-"
    assert_whole(path, OTHER)


def test_a_weak_etag_is_not_asked_for_but_the_date_is(site, path):
    begun(site, path, etag='W/"1"', modified=MODIFIED)
    site.answers = [gives(DATA, etag='W/"1"', modified=MODIFIED)]
    fetch([site.url()], path)
    assert [headers["If-Range"] for _, headers in site.asked] == [MODIFIED]
    assert site.ranges() == [f"bytes={HALF}-"]
    assert_whole(path)


def test_another_length_is_another_file(site, path):
    begun(site, path, etag=None)
    site.answers = [gives(OTHER + b"longer", etag=None)]
    fetch([site.url()], path)
    assert site.ranges() == [f"bytes={HALF}-", None]
    assert_whole(path, OTHER + b"longer")


def test_a_part_longer_than_the_file_is_dropped(site, path):
    begun(site, path, etag=None)
    site.answers = [gives(OTHER[:1000], etag=None)]
    fetch([site.url()], path)
    assert site.ranges() == [f"bytes={HALF}-", None]
    assert_whole(path, OTHER[:1000])


@pytest.mark.parametrize("where", ["bytes 7-599999/600000", "bytes */600000", None])
def test_another_range_than_the_one_asked_for_is_not_taken(site, path, where):
    begun(site, path)
    site.answers = [says(206, DATA[7:], Content_Range=where, ETag='"1"'), gives(DATA)]
    fetch([site.url()], path)
    assert site.ranges() == [f"bytes={HALF}-", None]
    assert_whole(path)


def test_a_range_that_was_not_asked_for_is_refused(site, path):
    site.answers = [says(206, DATA[7:], Content_Range="bytes 0-599992/600000")]
    assert "answered with 206 Partial Content, not with the file" in refusal([site.url()], path)
    assert names(path.parent) == []


def test_a_part_of_another_url_is_not_gone_on_with(site, path):
    begun(site, path)
    site.answers = [gives(OTHER)]
    fetch([site.url("/mirror")], path)
    assert site.ranges() == [None]
    assert_whole(path, OTHER)


@pytest.mark.parametrize("note", [None, "", "{", "[]", "\xff"])
def test_a_part_of_unknown_origin_is_not_gone_on_with(site, path, note):
    part = begun(site, path)
    side = part.with_name(part.name + ".json")
    side.unlink() if note is None else side.write_text(note, "latin-1")
    site.answers = [gives(DATA)]
    fetch([site.url()], path)
    assert site.ranges() == [None]
    assert_whole(path)


# -------------------------------------------------------------------------------------- refused


def damaged(part):
    raise UserError("damaged:\nno archive")


REFUSED = {  # what is asked for: what is wrong with DATA[:-1] and a zero
    "SHA-256": ({"sha256": hashlib.sha256(DATA).hexdigest()}, "the SHA-256 of what came is"),
    "check": ({"check": damaged}, "damaged: no archive"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_wrong_file_leaves_nothing(site, path, what):
    options, message = REFUSED[what]
    site.answers = [gives(DATA[:-1] + b"\0")]
    assert DATA[-1]
    assert f"{site.url()}: {message}" in refusal([site.url()], path, **options)
    assert len(site.asked) == 1
    assert names(path.parent) == []


@pytest.mark.parametrize("what", REFUSED)
def test_after_a_wrong_file_comes_the_next_url(site, path, what):
    site.answers = [gives(DATA[:-1] + b"\0"), gives(DATA)]
    options = dict(REFUSED[what][0])
    if what == "check":
        options["check"] = lambda part: part.read_bytes() == DATA or damaged(part)
    fetch([site.url("/bad"), site.url("/good")], path, **options)
    assert site.ranges() == [None, None]
    assert_whole(path)


def test_a_wrong_size_is_refused_before_the_download(site, path, capsys):
    site.answers = [gives(DATA)]
    line = refusal([site.url()], path, size=5)
    assert f"{site.url()}: the file there has 600,000 bytes, not 5" in line
    assert capsys.readouterr().out == f"fetching {site.url()}\n" and len(site.asked) == 1
    assert names(path.parent) == []


@pytest.mark.parametrize("size", [5, len(DATA) + 1])
def test_a_wrong_size_that_was_not_announced_is_refused(site, path, size):
    site.answers = [says(200, DATA)]
    line = refusal([site.url()], path, size=size)
    assert re.search(rf"{site.url()}: [0-9,]+ bytes came, not {size:,}$", line)
    assert names(path.parent) == []


def test_a_file_longer_than_its_size_is_not_read_to_the_end(site, path):
    def endless(handler):
        handler.start(200)
        while not handler.server.done.is_set():
            handler.wfile.write(DATA)

    site.answers = [endless]
    assert "bytes came, not 1,000" in refusal([site.url()], path, size=1000)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429])
def test_no_such_file_is_not_asked_for_again(site, path, status):
    site.answers = [says(status)]
    line = refusal([site.url()], path)
    assert line.startswith(f"cannot fetch set.tgz: {site.url()}: {status} ")
    assert len(site.asked) == 1
    assert names(path.parent) == []


def test_all_that_was_wrong_is_told(site, path):
    site.answers = [says(404), says(403)]
    first, second = site.url("/1"), site.url("/2")
    assert refusal([first, second], path) == (
        f"cannot fetch set.tgz: {first}: 404 Not Found; {second}: 403 Forbidden"
    )


def test_the_second_url_is_asked_when_the_first_has_nothing(site, path):
    site.answers = [says(404), gives(DATA)]
    fetch([site.url("/1"), site.url("/2"), site.url("/3")], path)
    assert [asked for asked, _ in site.asked] == ["/1", "/2"]
    assert_whole(path)


def test_a_part_survives_the_failure_of_the_next_url(site, path):
    site.answers = [gives(DATA, upto=HALF), says(503), says(404)]
    line = refusal([site.url("/1"), site.url("/2")], path, attempts=1)
    assert line.endswith(f"another try goes on from there; {site.url('/2')}: 404 Not Found")
    assert path.with_name("set.tgz.part").read_bytes() == DATA[:HALF]


def test_nothing_is_promised_of_a_file_that_is_gone(site, path):
    part = begun(site, path)
    site.answers = [says(404)]
    assert refusal([site.url()], path).endswith(f"{site.url()}: 404 Not Found")
    assert part.read_bytes() == DATA[:HALF]


def test_going_on_is_promised_only_for_the_part_that_is_left(site, path):
    site.answers = [gives(DATA, upto=HALF), says(503), gives(OTHER, upto=1000), says(503)]
    assert refusal([site.url("/1"), site.url("/2")], path, attempts=1) == (
        f"cannot fetch set.tgz: {site.url('/1')}: 503 Service Unavailable; "
        f"{site.url('/2')}: 503 Service Unavailable at 1,000 of 600,000 bytes; "
        "another try goes on from there"
    )


def test_a_login_page_is_not_the_file(site, path):
    site.answers = [says(200, b"<html>", Content_Type="text/html; charset=utf-8")]
    line = refusal([site.url()], path, size=5)
    assert line.endswith(f"{site.url()}: answered with a web page, not a file")
    assert len(site.asked) == 1
    assert names(path.parent) == []


def test_a_login_page_does_not_spoil_a_part(site, path):
    part = begun(site, path)
    site.answers = [says(200, b"<html>", Content_Type="text/html")]
    refusal([site.url()], path)
    assert part.read_bytes() == DATA[:HALF]


def test_a_busy_server_is_asked_again(site, path):
    site.answers = [says(503), says(503), gives(DATA)]
    fetch([site.url()], path)
    assert len(site.asked) == 3
    assert_whole(path)


def test_a_server_that_stays_busy_is_given_up(site, path):
    site.answers = [says(503)]
    assert refusal([site.url()], path).endswith(f"{site.url()}: 503 Service Unavailable")
    assert len(site.asked) == 3
    assert names(path.parent) == []


def test_a_closed_port_is_told_and_the_next_url_asked(site, path):
    closed = f"http://127.0.0.1:{closed_port()}/set.tgz"
    assert refusal([closed], path) == f"cannot fetch set.tgz: {closed}: connection refused"
    site.answers = [gives(DATA)]
    fetch([closed, site.url()], path)
    assert_whole(path)


def test_an_unknown_name_is_told(site, path, monkeypatch):
    def fail(*args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    line = refusal(["http://nowhere.invalid/"], path)
    assert line.endswith("the name of the server is not found (Name or service not known)")


def test_what_does_not_speak_http_is_told(site, path):
    site.answers = [lambda handler: handler.wfile.write(b"220 ready\r\n")]
    assert f"{site.url()}: no proper answer (" in refusal([site.url()], path)


@pytest.mark.parametrize("kind", ["file", "ftp", "data", "none", "spaces", "no host"])
def test_only_http_is_spoken(site, path, tmp_path, kind):
    (tmp_path / "secret").write_bytes(DATA)
    url = {"file": (tmp_path / "secret").as_uri(), "ftp": f"ftp://127.0.0.1:{closed_port()}/x",
           "data": "data:,secret", "none": str(tmp_path / "secret"),
           "spaces": "http://127.0.0.1/a b", "no host": "http:///x"}[kind]  # fmt: skip
    wrong = {"spaces": "URL can't contain control characters", "no host": "no host given"}
    assert f"{url}: {wrong.get(kind, 'unknown url type')}" in refusal([url], path)
    assert names(path.parent) == []


@pytest.mark.parametrize("kind", ["file", "ftp"])
def test_no_redirection_leads_out_of_http(site, path, tmp_path, kind):
    (tmp_path / "secret").write_bytes(DATA)
    target = {"file": (tmp_path / "secret").as_uri(), "ftp": "ftp://127.0.0.1/secret"}[kind]
    message = {"file": "is not allowed", "ftp": "unknown url type: ftp"}[kind]
    site.answers = [says(302, Location=target)]
    assert message in refusal([site.url()], path)
    assert len(site.asked) == 1
    assert names(path.parent) == []


def test_a_circle_of_redirections_is_told_in_one_line(site, path):
    site.answers = [says(302, Location="/again")]
    assert f"{site.url()}: 302 " in refusal([site.url()], path)


def test_no_address_at_all_is_told(path):
    assert refusal([], path) == "cannot fetch set.tgz: no address is known"


# --------------------------------------------------------------------------------- two at a time


def test_what_another_process_downloads_is_left_to_it(site, path):
    part = begun(site, path)
    site.answers = [gives(DATA)]
    with open(part, "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert refusal([site.url()], path) == f"{path} is being downloaded by another process"
    assert not site.asked and part.read_bytes() == DATA[:HALF]
    fetch([site.url()], path)
    assert_whole(path)


def test_two_at_a_time_fetch_once(site, path):
    inside, errors = threading.Event(), []

    def answer(handler):
        inside.set()
        handler.server.second.wait(10)
        gives(DATA)(handler)

    site.answers, site.second = [answer], threading.Event()
    first = threading.Thread(target=fetch, args=([site.url()], path))
    first.start()
    try:
        assert inside.wait(10)
        errors.append(refusal([site.url()], path))
    finally:
        site.second.set()
        first.join()
    assert errors == [f"{path} is being downloaded by another process"]
    assert len(site.asked) == 1
    assert_whole(path)


@pytest.fixture
def just_before_the_lock(monkeypatch):
    """(action) -> it happens between opening the part and locking it."""
    lock = fcntl.flock

    def patch(action):
        monkeypatch.setattr(file_lock.fcntl, "flock", lambda *args: (action(), lock(*args)))

    return patch


def test_what_another_process_has_just_finished_is_taken(site, path, just_before_the_lock):
    part = begun(site, path)
    just_before_the_lock(lambda: os.replace(part, path))
    assert fetch([site.url()], path) == path
    assert not site.asked
    assert_whole(path, DATA[:HALF])


@pytest.mark.parametrize("again", [False, True], ids=["deleted", "and made again"])
def test_a_part_that_lost_its_name_is_not_written(site, path, just_before_the_lock, again):
    part = begun(site, path)

    def act():
        part.rename(path.with_name("kept"))
        if again:
            part.write_bytes(b"theirs")

    just_before_the_lock(act)
    site.answers = [gives(DATA)]
    assert refusal([site.url()], path) == f"{path} is being downloaded by another process"
    assert not site.asked
    assert path.with_name("kept").read_bytes() == DATA[:HALF]
    assert not again or part.read_bytes() == b"theirs"


@pytest.mark.parametrize("missing", ["the module", "the file system's"])
def test_it_goes_without_locks(site, path, monkeypatch, missing):
    def fail(*args):
        raise OSError(38, "Function not implemented")

    if missing == "the module":  # as on Windows
        monkeypatch.setattr(file_lock, "fcntl", None)
    else:
        monkeypatch.setattr(file_lock.fcntl, "flock", fail)
    site.answers = [says(404)]
    refusal([site.url()], path)
    assert names(path.parent) == []
    site.answers = [gives(DATA)]
    fetch([site.url()], path)
    assert_whole(path)


# ------------------------------------------------------------------------------------- progress


def test_a_log_gets_the_address_at_the_start_and_the_figures_at_the_end(site, path, capsys):
    site.answers = [gives(DATA)]
    fetch([site.url()], path)
    out, err = capsys.readouterr()
    first, last = out.splitlines()
    assert first == f"fetching {site.url()}" and not err
    assert last.startswith("set.tgz: 100%|") and "| 600k/600k [" in last and last.endswith("B/s]")


def test_a_log_gets_a_line_where_a_download_broke_off(site, path, capsys):
    site.answers = [gives(DATA, upto=HALF), gives(DATA)]
    fetch([site.url()], path)
    _, broken, whole = capsys.readouterr().out.splitlines()
    assert " 50%|" in broken and "| 300k/600k [" in broken
    assert "100%|" in whole and "| 600k/600k [" in whole


def test_the_length_of_what_is_downloaded_may_be_unknown(site, path, capsys):
    site.answers = [says(200, DATA)]
    fetch([site.url()], path)
    assert "\nset.tgz: 600kB [" in capsys.readouterr().out


def test_a_terminal_gets_a_line_that_starts_where_the_download_is_gone_on_with(site, path, capsys):
    begun(site, path)
    capsys.readouterr()
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    site.answers = [gives(DATA)]
    with contextlib.redirect_stdout(terminal):
        fetch([site.url()], path)
    line = terminal.getvalue()
    assert line.startswith("\rset.tgz:  50%|") and line.endswith("\n") and line.count("\n") == 1
    assert "| 300k/600k [" in line and "| 600k/600k [" in line.split("\r")[-1]
    assert capsys.readouterr() == ("", "")
