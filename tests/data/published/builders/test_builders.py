"""How the builders are found: one import registers them, the package alone does not pay for it."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


@pytest.mark.slow
def test_one_import_registers_all_three_and_the_package_alone_does_not_pay_for_it():
    names = ["pix2pix_maps", "cartoonset10k", "anime_faces"]
    code = (
        "import sys, tf_gen, tf_gen.data; print('tensorflow_datasets' in sys.modules);"
        "import tf_gen.data.published.builders, tensorflow_datasets as tfds;"
        f"print(*[tfds.builder_cls(n).name for n in {names}])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", *names]


@pytest.mark.skipif(
    importlib.util.find_spec("apache_beam") is None,
    reason="the tfds command needs apache_beam (TFDS issue 5463), which the constraints rule out",
)
def test_tfds_build_works_on_a_builders_folder(tmp_path):
    folder = ROOT / "tf_gen" / "data" / "published" / "builders" / "pix2pix_maps"
    command = [
        Path(sys.executable).parent / "tfds", "build", folder,
        "--data_dir", tmp_path, "--manual_dir", folder / "dummy_data",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("pix2pix_maps/1.0.0/*train*"))
