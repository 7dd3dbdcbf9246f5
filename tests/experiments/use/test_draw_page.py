"""The page to draw on, in headless Chromium, asked through a pipe (DevTools protocol)."""

import base64
import fcntl
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH"),
]


class Browser:
    """One Chromium; ``call`` asks it for something, ``events`` holds what it told by itself."""

    def __init__(self, profile):
        (its_in, our_out), (our_in, its_out) = os.pipe(), os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (its_in, its_out)]

        def wire():
            os.dup2(ends[0], 3), os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             "--hide-scrollbars", f"--user-data-dir={profile}"],
            preexec_fn=wire, pass_fds=(3, 4), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for end in (its_in, its_out, *ends):
            os.close(end)
        self.out, self.into = os.fdopen(our_out, "wb", 0), os.fdopen(our_in, "rb")
        self.events, self.number = [], 0

    def call(self, method, session=None, **params):
        self.number += 1
        asked = {"id": self.number, "method": method, "params": params}
        asked |= {"sessionId": session} if session else {}
        self.out.write(json.dumps(asked).encode() + b"\0")
        while True:
            message = json.loads(self._read())
            if message.get("id") == self.number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self.events.append(message)

    def _read(self):
        parts = bytearray()
        while (byte := self.into.read(1)) not in (b"\0", b""):
            parts += byte
        assert parts, "Chromium has ended"
        return parts

    def close(self):
        self.process.kill()
        self.process.wait()
        self.out.close(), self.into.close()


class Tab:
    """A page of its own; nothing is kept between two."""

    def __init__(self, browser, address, width=1100, height=860, dark=False, touch=False):
        self.browser, self.address = browser, address
        self.context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call(
            "Target.createTarget", url="about:blank", browserContextId=self.context
        )
        self.session = browser.call("Target.attachToTarget", **target, flatten=True)["sessionId"]
        for domain in ("Network", "Page", "Runtime"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=touch)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        self.call("Page.navigate", url=address)
        self.until("document.querySelector('section:not([hidden])') !== null")

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def do(self, script):
        """The value of JavaScript."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True,
                          awaitPromise=True)  # fmt: skip
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script, seconds=60):
        end = time.monotonic() + seconds
        while not (value := self.do(script)):
            assert time.monotonic() < end, f"{script}: not within {seconds} s"
            time.sleep(0.03)
        return value

    def pixels(self, canvas):
        """float [H, W, 3] of a canvas."""
        url = self.do(f"document.getElementById('{canvas}').toDataURL()")
        data = base64.b64decode(url.partition(",")[2])
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float)

    def settle(self, canvas="result"):
        """Wait until an answer has come and none is on its way any more."""
        count = f"Number(document.getElementById('{canvas}').dataset.count || 0)"
        self.until(count)
        before = None
        while (now := self.do(count)) != before:
            before = now
            time.sleep(1.0)

    def at(self, x, y):
        """Fractions of the paper -> coordinates of the page."""
        box = self.do("(b => [b.left, b.top, b.width, b.height])(paper.getBoundingClientRect())")
        return {"x": box[0] + x * box[2], "y": box[1] + y * box[3]}

    def mouse(self, kind, x, y):
        self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1,
                  **self.at(x, y))  # fmt: skip

    def stroke(self, *points):
        self.mouse("mousePressed", *points[0])
        for point in points[1:]:
            self.mouse("mouseMoved", *point)
        self.mouse("mouseReleased", *points[-1])

    def press(self, key, count=1):
        for kind in ("keyDown", "keyUp") * count:
            self.call("Input.dispatchKeyEvent", type=kind, key=key,
                      **({"text": key} if kind == "keyDown" and len(key) == 1 else {}))  # fmt: skip

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def give(self, selector, path):
        """Choose a file for an input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def message(self):
        return self.until("!message.hidden && message.firstChild.textContent")

    def asked(self):
        """The addresses that were asked for."""
        return {
            event["params"]["request"]["url"]
            for event in self.browser.events
            if event.get("sessionId") == self.session
            and event["method"] == "Network.requestWillBeSent"
        }

    def complaints(self):
        return [
            event["params"]
            for event in self.browser.events
            if event.get("sessionId") == self.session
            and event["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        ]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def serve():
    """(model) -> the address at which the command serves its page."""
    running = []

    def start(model):
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.draw", "--model", model, "--port", "0"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        running.append(process)
        return re.search(r"http://\S+", process.stdout.readline())[0]

    yield start
    for process in running:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        process.stdout.close()


@pytest.fixture(scope="module")
def city(serve):
    return serve("drawn_city")


@pytest.fixture(scope="module")
def cartoon(serve):
    return serve("cartoon_vae")


def changed(before, after):
    """(Mean change in the band that is drawn on below, and in the rest), in grey levels."""
    change, size = np.abs(after - before).mean(-1), len(before)
    band = np.zeros_like(change, bool)
    band[int(0.42 * size) : int(0.58 * size)] = True
    return change[band].mean(), change[~band].mean()


def stroke_by_mouse(tab):
    tab.press("7")  # water
    tab.stroke((0.1, 0.5), (0.5, 0.5), (0.9, 0.5))


def stroke_by_keys(tab):
    tab.press("7")
    tab.do("paper.focus()")
    tab.press("ArrowLeft", 16)
    tab.press(" ")
    tab.press("ArrowRight", 32)
    tab.press(" ")


def stroke_by_finger(tab):
    tab.do("document.querySelectorAll('.swatch')[6].click()")
    places = [tab.at(0.1 + 0.1 * i, 0.5) for i in range(9)]
    tab.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=places[:1])
    for place in places[1:]:
        tab.call("Input.dispatchTouchEvent", type="touchMove", touchPoints=[place])
    tab.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])


@pytest.mark.parametrize("stroke", [stroke_by_mouse, stroke_by_keys, stroke_by_finger])
def test_the_photograph_changes_where_the_map_is_drawn_on_and_undo_takes_it_back(
    browser, city, stroke
):
    tab = Tab(browser, city, touch=stroke is stroke_by_finger)
    tab.settle()
    map_before, before = tab.pixels("paper"), tab.pixels("result")
    stroke(tab)
    tab.settle()
    assert changed(map_before, tab.pixels("paper"))[1] == 0
    inside, outside = changed(before, tab.pixels("result"))
    assert inside > 10 and inside > 4 * outside
    tab.do("undo.click()")
    tab.settle()
    np.testing.assert_array_equal(tab.pixels("paper"), map_before)
    np.testing.assert_array_equal(tab.pixels("result"), before)
    assert not tab.complaints()


def test_no_request_leaves_the_machine(browser, city, cartoon):
    for address in (city, cartoon):
        tab = Tab(browser, address)
        tab.settle("result" if address == city else "face")
        asked = {url for url in tab.asked() if not url.startswith(("data:", "blob:"))}
        assert len(asked) >= 3 and all(url.startswith(f"{address}/") for url in asked)


def test_a_file_that_is_no_image_is_told_and_nothing_is_lost(browser, city, tmp_path):
    tab = Tab(browser, city)
    tab.settle()
    tab.stroke((0.2, 0.2), (0.8, 0.8))
    tab.settle()
    before = tab.pixels("paper")
    (tmp_path / "text.png").write_text("no image")
    Image.new("L", (5000, 8)).save(tmp_path / "long.png")
    (tmp_path / "large.png").write_bytes(bytes(10_000_001))
    for name, told in (("text", "no image"), ("long", "4096 pixels"), ("large", "than 10 MB")):
        tab.give("#open", tmp_path / f"{name}.png")
        assert told in tab.message()
        tab.do("message.lastChild.click()")
    np.testing.assert_array_equal(tab.pixels("paper"), before)
    Image.new("RGB", (300, 400), (163, 204, 255)).save(tmp_path / "sea.jpg")
    tab.give("#open", tmp_path / "sea.jpg")
    tab.until("paper.getContext('2d').getImageData(9, 9, 1, 1).data[2] > 250")
    tab.do("undo.click()")
    np.testing.assert_array_equal(tab.pixels("paper"), before)


def test_the_result_is_saved_as_a_png(browser, city, tmp_path):
    tab = Tab(browser, city)
    tab.settle()
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path),
                 browserContextId=tab.context)  # fmt: skip
    shown = tab.pixels("result")
    tab.do("document.getElementById('save').click()")
    end = time.monotonic() + 20
    while not (tmp_path / "drawn_city.png").exists():
        assert time.monotonic() < end
        time.sleep(0.1)
    saved = np.asarray(Image.open(tmp_path / "drawn_city.png").convert("RGB"), float)
    np.testing.assert_array_equal(saved, shown)


def test_a_face_changes_by_its_sliders_and_towards_another(browser, cartoon):
    tab = Tab(browser, cartoon)
    tab.settle("face")
    seen = [tab.pixels("face")]
    for selector in (".slide input", "#blend"):
        tab.do(f"(s => {{ s.value = s.max; s.oninput(); }})(document.querySelector('{selector}'))")
        tab.settle("face")
        assert all(np.abs(tab.pixels("face") - before).mean() > 2 for before in seen)
        seen.append(tab.pixels("face"))
    first = tab.do("document.querySelector('#faces img').src")
    tab.press("n")
    tab.until(f"document.querySelector('#faces img').src !== {json.dumps(first)}")
    assert not tab.complaints()


def test_two_browsers_draw_at_once(browser, city):
    tabs = [Tab(browser, city) for _ in range(2)]
    for tab in tabs:
        tab.settle()
    before = [tab.pixels("result") for tab in tabs]
    np.testing.assert_array_equal(*before)
    for i in range(8):
        for tab, y in zip(tabs, (0.2, 0.8), strict=True):
            tab.mouse("mouseMoved" if i else "mousePressed", 0.1 + 0.1 * i, y)
    for tab in tabs:
        tab.settle()
    top, bottom = (tab.pixels("result") for tab in tabs)
    half = len(top) // 2
    assert np.abs(top - before[0])[:half].mean() > 2 * np.abs(top - before[0])[half:].mean()
    assert np.abs(bottom - before[1])[half:].mean() > 2 * np.abs(bottom - before[1])[:half].mean()


def test_the_page_fits_a_phone(browser, city, cartoon):
    for address, canvas in ((city, "result"), (cartoon, "face")):
        tab = Tab(browser, address, width=390, height=800, touch=True)
        tab.settle(canvas)
        assert tab.do("document.documentElement.scrollWidth") <= 390
