"""TensorBoard, started as README says, opened in headless Chromium on a run of each kind."""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
SHARED = {"images_per_second"}  # a scalar of all kinds
KINDS = {  # run -> what of it TensorBoard must have
    "pix2pix_maps": {
        "scalars": {"generator_loss", "discriminator_loss", "epoch/val_l1_report_mode"},
        "images": {"validation"},
    },
    "vae_anime": {
        "scalars": {"loss", "recon_loss", "kl_loss", "epoch/val_loss"},
        "images": {"generated", "reconstructions"},
        "histograms": {"kl_by_latent"},
        "projector": {"validation latents"},
    },
    "cvae_faces": {
        "scalars": {"loss", "recon_loss", "kl_loss", "epoch/val_loss"},
        "images": {"generated", "reconstructions"},
        "histograms": {"kl_by_latent"},
        "projector": {"validation latents"},
    },
    "vq_vae_faces": {
        "scalars": {"loss", "recon_loss", "perplexity", "epoch/val_recon_loss"},
        "images": {"reconstructions"},
        "histograms": {"codes"},
    },
}


@pytest.fixture(scope="module")
def runs(finished, tmp_path_factory):
    """What runs of each kind logged, of two epochs, in one folder, as `runs` would hold it."""
    folder = tmp_path_factory.mktemp("board")
    for kind in KINDS:
        name = "map_to_aerial" if kind == "pix2pix_maps" else kind
        shutil.copytree(finished(name) / "logs", folder / kind / "logs")
    return folder


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def until(condition, seconds=120):
    """What the condition gives when it is true or answers, else its last refusal."""
    for _ in range(2 * seconds):
        try:
            if found := condition():
                return found
        except urllib.error.URLError:
            pass
        time.sleep(0.5)
    return None


@pytest.fixture(scope="module")
def board(runs):
    """The address of a TensorBoard on these runs, by README's own line."""
    (line,) = set(re.findall(r"`(tensorboard [^`]*)`", (ROOT / "README.md").read_text()))
    assert "--host 127.0.0.1" in line
    port = free_port()
    words = line.replace("--logdir runs", f"--logdir {runs} --port {port}").split()
    with subprocess.Popen(
        [Path(sys.executable).parent / words[0], *words[1:]], stderr=subprocess.DEVNULL
    ) as process:
        address = f"http://127.0.0.1:{port}"
        assert until(
            lambda: len(json.load(urllib.request.urlopen(f"{address}/data/runs"))) == len(KINDS)
        )
        yield address
        process.terminate()


def tags(board, plugin, kind):
    found = json.load(urllib.request.urlopen(f"{board}/data/plugin/{plugin}/tags"))
    return set(found.get(f"{kind}/logs", ()))


@pytest.mark.parametrize("kind", KINDS)
def test_scalars_images_text_and_the_rest_of_each_kind_are_there(board, kind):
    wanted = KINDS[kind]
    assert wanted["scalars"] | SHARED <= tags(board, "scalars", kind)
    assert wanted["images"] <= tags(board, "images", kind)
    assert "config" in tags(board, "text", kind)
    assert wanted.get("histograms", set()) <= tags(board, "histograms", kind)
    if "projector" in wanted:
        address = f"{board}/data/plugin/projector/info?run={kind}/logs"
        found = json.load(urllib.request.urlopen(address))["embeddings"]
        assert wanted["projector"] == {tensor["tensorName"] for tensor in found}


def test_hyperparameters_of_all_runs_stand_in_one_table(board):
    request = urllib.request.Request(
        f"{board}/data/plugin/hparams/experiment",
        data=b"{}",
        headers={"Content-Type": "application/json"},
    )
    found = json.load(urllib.request.urlopen(request))
    names = {info["name"] for info in found["hparamInfos"]}
    assert {"learning_rate", "batch_size", "seed", "filters", "latent_dim", "codes"} <= names


class Browser:
    """Headless Chromium, driven by ChromeDriver over the WebDriver protocol."""

    OPTIONS = (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--window-size=1400,900",
    )  # fmt: skip
    TEXT = """
        const parts = [];
        const walk = (node) => {
          if (node.nodeType === Node.TEXT_NODE) parts.push(node.textContent);
          if (node.shadowRoot) walk(node.shadowRoot);
          for (const child of node.childNodes) walk(child);
        };
        walk(document.body);
        return parts.join(" ");"""  # TensorBoard's tabs lie in shadow roots

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL)
        chrome = {"binary": CHROMIUM, "args": self.OPTIONS}
        capabilities = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": chrome}}}
        until(lambda: urllib.request.urlopen(f"{self.address}/status"))
        self.session = f"/session/{self.ask('/session', capabilities)['sessionId']}"

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data=data)
        return json.load(urllib.request.urlopen(request, timeout=120))["value"]

    def open(self, address):
        self.ask(f"{self.session}/url", {"url": "about:blank"})
        self.ask(f"{self.session}/url", {"url": address})

    def text(self):
        return self.ask(f"{self.session}/execute/sync", {"script": self.TEXT, "args": []})

    def screenshot(self):
        return base64.b64decode(self.ask(f"{self.session}/screenshot"))

    def close(self):
        urllib.request.urlopen(
            urllib.request.Request(self.address + self.session, method="DELETE"), timeout=60
        )
        self.driver.terminate()
        self.driver.wait(60)


@pytest.fixture(scope="module")
def browser():
    if not (CHROMIUM and DRIVER):
        pytest.skip("no Chromium and ChromeDriver (Debian's chromium and chromium-driver)")
    browser = Browser(free_port())
    yield browser
    browser.close()


TABS = {  # tab -> what it shows of these runs
    "timeseries": "images_per_second",
    "images": "validation",
    "text": "config",
    "histograms": "kl_by_latent",
    "hparams": "learning_rate",
}  # the projector is drawn, in a frame of its own


@pytest.mark.slow
@pytest.mark.parametrize("tab", TABS)
def test_a_browser_shows_them(board, browser, tab, tmp_path):
    browser.open(f"{board}/#{tab}")
    assert until(lambda: TABS[tab] in browser.text())
    picture = Path(os.environ.get("SCREENSHOTS", tmp_path)) / f"tensorboard_{tab}.png"
    time.sleep(3 if "SCREENSHOTS" in os.environ else 0)  # for pictures to load
    picture.write_bytes(browser.screenshot())
    assert picture.stat().st_size > 10_000
