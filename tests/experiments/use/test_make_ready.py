"""A run made a ready model, and commands that take its name."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tf_gen
from experiments import draw, evaluate, sample, translate
from experiments.launch import cli
from experiments.launch.errors import UsageError
from experiments.launch.saved_models import load_saved_model
from experiments.make_ready import NAME, Config, run
from experiments.use import make_ready
from tf_gen import pretrained


@pytest.fixture(scope="module")
def ready(finished, tmp_path_factory):
    """A folder of two small ready models, which the package takes for its own meanwhile."""
    root = tmp_path_factory.mktemp("ready")
    runs = {"cartoon_vae": "vae_cartoon", "drawn_city_reader": "aerial_to_map"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrained, "ROOT", root)
        patch.setattr(make_ready, "ROOT", root)
        for name, of in runs.items():
            run(Config(run_dir=finished(of), name=name))
        yield {name: finished(of) for name, of in runs.items()}


@pytest.mark.slow
def test_a_ready_model_gives_what_its_run_gives_to_the_rounding_of_its_weights(ready):
    images = np.random.default_rng(0).uniform(0, 1, (2, 16, 16, 3)).astype(np.float32)
    run, packed = tf_gen.load(ready["cartoon_vae"]), tf_gen.load("cartoon_vae")
    np.testing.assert_allclose(packed.reconstruct(images), run.reconstruct(images), atol=5e-3)
    np.testing.assert_allclose(packed.directions(8), run.directions(8), rtol=1e-3, atol=1e-6)
    assert packed.dtype_policy.name == "float32"


@pytest.mark.slow
def test_its_functions_are_those_of_its_runs_saved_model(ready):
    models = (
        load_saved_model("model", path, "VAE", ["sample_mixture"])
        for path in (ready["cartoon_vae"], Path("cartoon_vae"))
    )
    of_run, packed = (model.sample_mixture(3, [0, 1]).numpy() for model in models)
    np.testing.assert_allclose(packed, of_run, atol=5e-3)


def test_its_card_has_the_runs_command_and_figures(ready):
    folder = pretrained.ready_folder("drawn_city_reader")
    card = (folder / "README.md").read_text()
    for option in ("--direction aerial_to_map", "--update simultaneous", "--filters 2"):
        assert option in card
    metrics = json.loads((ready["drawn_city_reader"] / "metrics.json").read_text())
    assert f"| val_l1 | {metrics['val_l1']:.4g} |" in card
    assert str(ready["drawn_city_reader"]) not in card + (folder / "config.json").read_text()


def test_sample_and_translate_take_its_name(ready, maps, tmp_path):
    options = sample.Config(model=Path("cartoon_vae"), count=2, output=tmp_path / "faces")
    assert cli.guarded("sample", sample.run, options) == 0
    assert len(list((tmp_path / "faces").iterdir())) == 2
    options = translate.Config(Path("drawn_city_reader"), maps / "val", tmp_path / "maps")
    assert cli.guarded("translate", translate.run, options) == 0
    with Image.open(tmp_path / "maps" / "1.png") as image:
        assert image.size == (96, 48)


def test_its_folder_is_taken_as_its_name_is(ready, tmp_path):
    for i, model in enumerate((Path("cartoon_vae"), pretrained.ready_folder("cartoon_vae"))):
        config = sample.Config(model=model, output=tmp_path / str(i), count=1)
        assert cli.guarded("sample", sample.run, config) == 0
    assert (tmp_path / "0" / "0.png").read_bytes() == (tmp_path / "1" / "0.png").read_bytes()


def test_a_prior_whose_vq_vae_has_moved_is_named(tmp_path):
    record = {"experiment": "vq_prior", "identity": {}, "settings": {"vq_run": "/gone"}}
    with pytest.raises(UsageError, match="its VQ-VAE's run is not at /gone"):
        make_ready.trained_by("cartoon_codes", record)


@pytest.mark.slow
def test_evaluate_takes_its_name_and_finds_what_its_run_found(ready, maps, tmp_path):
    name = "drawn_city_reader"
    options = evaluate.Config(run_dir=Path(name), data=str(maps), output=tmp_path)
    assert cli.guarded("evaluate", evaluate.run, options) == 0
    found = json.loads((tmp_path / "evaluation_val.json").read_text())
    before = json.loads((ready[name] / "metrics.json").read_text())
    assert found["val_l1"] == pytest.approx(before["val_l1"], rel=0.01)


VAE = "the run of a VAE"
BAD = {
    "another experiment": (
        NAME, run, Config, {"run_dir": VAE, "name": "drawn_city"}, "no finished run of pix2pix_maps"
    ),
    "no such ready model": (
        NAME, run, Config, {"run_dir": VAE, "name": "mine"}, "--name mine: not one of cartoon_vae"
    ),
    "nowhere to write figures": (
        "evaluate", evaluate.run, evaluate.Config, {"run_dir": Path("drawn_city_reader")},
        "--output: must be given for a ready model",
    ),
    "an unknown name": (
        "draw", draw.run, draw.Config, {"model": Path("mine"), "port": 0},
        "nor is it a ready model: cartoon_vae, drawn_city_reader",
    ),
    "another kind": (
        "translate", translate.run, translate.Config,
        {"model": Path("cartoon_vae"), "input": Path("image.png"), "output": Path("out")},
        "--model cartoon_vae: no pix2pix, it has no function sizes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_in_one_line_and_exit_code_2(ready, case, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, command, options, given, message = BAD[case]
    Image.new("RGB", (8, 8)).save(tmp_path / "image.png")
    given = {key: ready["cartoon_vae"] if value == VAE else value for key, value in given.items()}
    assert cli.guarded(name, command, options(**given)) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
