"""What is installed: the library, without what the commands need."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OF_COMMANDS = ("markdown", "matplotlib", "tyro")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that is built of a copy of the files, opened."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("tf_gen", "experiments"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder)
    code = "from setuptools.build_meta import build_wheel; build_wheel('.')"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as file:
        yield file


def test_the_wheel_holds_the_library_alone_with_what_its_builders_read(wheel):
    names = [name for name in wheel.namelist() if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in names} == {"tf_gen"}
    for path in ROOT.glob("tf_gen/**/*.py"):
        assert str(path.relative_to(ROOT)) in names
    for name in ("README.md", "CITATIONS.bib", "TAGS.txt"):
        assert f"tf_gen/data/published/builders/pix2pix_maps/{name}" in names


def test_the_wheel_holds_the_ready_models_with_their_cards_and_the_credit_for_their_data(wheel):
    folders = {path.parent for path in ROOT.glob("tf_gen/pretrained/*/model.keras")}
    assert len(folders) >= 3
    for folder in folders:
        for path in folder.iterdir():
            assert wheel.read(str(path.relative_to(ROOT))) == path.read_bytes()
    (notice,) = (name for name in wheel.namelist() if name.endswith("NOTICE"))
    for told in ("Google LLC", "CC BY 4.0", "creativecommons.org/licenses/by/4.0"):
        assert told in wheel.read(notice).decode()


def test_its_version_is_the_newest_that_the_changelog_has(wheel):
    newest = re.search(r"^## \[(.*)\]$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert Path(wheel.filename).name.startswith(f"tf_gen-{newest}-")


def test_what_the_commands_need_is_an_extra(wheel):
    (path,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    lines = [line for line in wheel.read(path).decode().splitlines() if "Requires-Dist" in line]
    always = [line for line in lines if "extra ==" not in line]
    for package in OF_COMMANDS:
        assert not any(package in line for line in always)
        assert any(package in line and "extra ==" in line and "commands" in line for line in lines)


@pytest.mark.slow
def test_the_library_runs_without_them():
    code = f"import sys; sys.modules |= dict.fromkeys({OF_COMMANDS}); import tf_gen; tf_gen.VAE(8)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
