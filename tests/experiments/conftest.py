"""Small folders of real files for the scripts to run on, and what runs on them leave.

They are made once, whichever of pytest-xdist's processes asks first: tests change copies alone.
"""

import contextlib
import fcntl
import importlib
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from experiments.measures import distances
from experiments.runs.train_run import Run
from experiments.tasks.code_prior import CodePriorTask
from experiments.tasks.cvae import CvaeTask
from experiments.tasks.pix2pix import Pix2PixTask
from experiments.tasks.vae import VaeTask
from experiments.tasks.vq_vae import VqVaeTask
from tf_gen.data import draw_faces, draw_pairs


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """(name, make) -> the folder of that name, filled by ``make(folder)`` if nobody has yet."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    root.mkdir(exist_ok=True)

    def get(name, make):
        folder, done = root / name, root / f"{name}.done"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process that failed
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return get


@pytest.fixture(scope="session")
def maps(shared):
    """A folder of side-by-side pairs: six to train on, three to validate."""

    def draw(folder):
        for split, count, seed in (("train", 6, 0), ("val", 3, 1)):
            (folder / split).mkdir()
            for i, sides in enumerate(zip(*draw_pairs(count, seed, 48), strict=True)):
                image = Image.fromarray(np.concatenate(sides, axis=1))
                image.save(folder / split / f"{i + 1}.png")

    return shared("maps", draw)


@pytest.fixture(scope="session")
def faces(shared):
    """A folder of two classes of faces, 24 of each."""

    def draw(folder):
        for style in ("anime", "cartoon"):
            (folder / style).mkdir()
            for i, image in enumerate(draw_faces(24, 0, style, 24)):
                Image.fromarray(image).save(folder / style / f"{i}.png")

    return shared("faces", draw)


RUNS = {  # name -> command, and its options beside the data
    "map_to_aerial": ("pix2pix_maps", {"filters": 2, "image_size": 32}),
    "aerial_to_map": (
        "pix2pix_maps",
        {
            "filters": 2, "image_size": 32, "direction": "aerial_to_map",
            "update": "simultaneous", "precision": "bfloat16",
        },
    ),
    "vae_anime": ("vae_anime", {"image_size": 16, "batch_size": 8}),
    "vae_cartoon": ("vae_cartoon", {"image_size": 16, "batch_size": 8}),
    "cvae_faces": ("cvae_faces", {"image_size": 16, "batch_size": 8}),
    "vq_vae_faces": ("vq_vae_faces", {"image_size": 16, "batch_size": 8}),
    "vq_prior": ("vq_prior", {"width": 4, "depth": 1, "batch_size": 8}),
}  # fmt: skip


FIGURES = {  # of an epoch's end, as logs/epochs.csv has them
    Pix2PixTask: [f"val_{name}_report_mode" for name in ("l1", "psnr", "ssim")],
    VaeTask: ["val_kl_loss", "val_loss", "val_recon_loss"],
    CvaeTask: ["val_kl_loss", "val_loss", "val_recon_loss"],
    CodePriorTask: ["val_bits_per_code", "val_loss"],
    VqVaeTask: [
        f"val_{name}"
        for name in ("codebook_loss", "commitment_loss", "loss", "perplexity", "recon_loss")
    ],
}


@pytest.fixture(scope="session")
def finished(shared, maps, faces):
    """(name of ``RUNS``) -> the folder of such a run: four steps, of which three are an epoch."""

    def get(name):
        command, options = RUNS[name]
        data = {"pix2pix_maps": maps, "cvae_faces": faces}.get(command, faces / "anime")
        options = {"data": str(data), "max_steps": 4, **options}
        if command == "vq_vae_faces":
            options["vae_run"] = get("vae_anime")
        if command == "vq_prior":
            options |= {"vq_run": get("vq_vae_faces"), "data": None}
        door = importlib.import_module(f"experiments.{command}")

        def train(folder):
            with pytest.MonkeyPatch.context() as patch:
                if name == "map_to_aerial":  # by so few images; it takes a while
                    patch.setattr(distances, "HED_FEWEST", 2)
                door.run(door.Config(**options, run_dir=folder))

        return shared(name, train)

    return get


@pytest.fixture
def reading_alone():
    """A context in which runs read their data and write what they know of them, and that is all."""

    @contextlib.contextmanager
    def context():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Run, "begin", lambda self: None)
            patch.setattr(Run, "train", Run._write_start)
            patch.setattr(Run, "finish", lambda self: None)
            yield

    return context


@pytest.fixture
def training_alone():
    """A context in which runs train and write their checkpoints and logs, but nothing is
    validated, measured, drawn or exported."""

    @contextlib.contextmanager
    def context():
        with pytest.MonkeyPatch.context() as patch:
            for task, figures in FIGURES.items():
                found = dict.fromkeys(figures, 0.0)
                patch.setattr(task, "validate", lambda self, check, found=found: found)
                patch.setattr(task, "watch", lambda self, scalars, figures: [])
            patch.setattr(Run, "finish", lambda self: None)
            yield

    return context
