"""Images drawn from trained models by the command."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from experiments.launch import cli
from experiments.sample import NAME, Config, run
from tf_gen import CVAE, VAE, VQVAE, CodePrior
from tf_gen.export import export_code_prior, export_cvae, export_vae

SMALL = {"image_size": 16, "latent_dim": 3, "filters": (4, 4, 8)}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    export_vae(VAE(**SMALL), folder / "vae" / "saved_model")
    fitted = VAE(**SMALL)
    fitted.fit_latents(np.random.default_rng(0).uniform(0, 1, (9, 16, 16, 3)).astype(np.float32))
    export_vae(fitted, folder / "fitted" / "saved_model")
    export_cvae(CVAE(2, **SMALL), folder / "cvae" / "saved_model", ["cats", "dogs"])
    vq_vae = VQVAE(codes=4, filters=(4, 4, 8), start="kmeans")
    vq_vae.start_codebook(np.random.default_rng(0).uniform(0, 1, (2, 16, 16, 3)).astype("f"))
    prior = CodePrior(4, vq_vae=vq_vae, grid=4, width=4, depth=1)
    export_code_prior(prior, folder / "prior" / "saved_model")
    return folder


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def pixels(path):
    return np.asarray(Image.open(path))


def test_a_vaes_images_are_those_of_its_sample_function(models, tmp_path):
    assert run(Config(model=models / "vae", output=tmp_path, count=3, seed=5)) == 0
    loaded = tf.saved_model.load(str(models / "vae" / "saved_model"))
    expected = np.rint(loaded.sample(3, [5, 0]).numpy() * 255)
    assert names(tmp_path) == ["0.png", "1.png", "2.png"]
    for i in range(3):
        np.testing.assert_array_equal(pixels(tmp_path / f"{i}.png"), expected[i])


@pytest.mark.parametrize(
    "options, function, said",
    [
        ({}, "sample_mixture", "from the Gaussians"),
        ({"sampler": "gaussian_mixture"}, "sample_mixture", "from the Gaussians"),
        ({"sampler": "normal"}, "sample", "from N(0, I)"),
    ],
)
def test_latents_come_from_the_fitted_gaussians_unless_the_prior_is_asked_for(
    models, tmp_path, capsys, options, function, said
):
    run(Config(model=models / "fitted", output=tmp_path, count=1, **options))
    loaded = tf.saved_model.load(str(models / "fitted" / "saved_model"))
    expected = np.rint(getattr(loaded, function)(1, [0, 0]).numpy()[0] * 255)
    np.testing.assert_array_equal(pixels(tmp_path / "0.png"), expected)
    assert said in capsys.readouterr().out


def test_an_image_does_not_depend_on_how_many_are_drawn(models, tmp_path):
    for count in (1, 103):
        run(Config(model=models / "vae", output=tmp_path / str(count), count=count))
    np.testing.assert_array_equal(pixels(tmp_path / "1/0.png"), pixels(tmp_path / "103/0.png"))
    drawn = {pixels(path).tobytes() for path in (tmp_path / "103").glob("*.png")}
    assert len(drawn) == 103  # the second hundred does not repeat the first


def test_a_conditional_vae_draws_every_class_or_the_one_asked_for(models, tmp_path):
    run(Config(model=models / "cvae", output=tmp_path / "all", count=2))
    assert names(tmp_path / "all") == ["cats/0.png", "cats/1.png", "dogs/0.png", "dogs/1.png"]
    for label in ("1", "dogs"):
        run(Config(model=models / "cvae", output=tmp_path / label, count=2, label=label))
        for i in range(2):
            np.testing.assert_array_equal(
                pixels(tmp_path / label / f"{i}.png"), pixels(tmp_path / f"all/dogs/{i}.png")
            )


def test_a_priors_images_are_drawn_at_a_temperature(models, tmp_path):
    given = {"model": models / "prior", "count": 2, "seed": 5}
    for name, temperature in (("default", None), ("one", 1.0), ("least", 0.0)):
        run(Config(**given, output=tmp_path / name, temperature=temperature))
    images = {
        name: [pixels(tmp_path / name / f"{i}.png").tobytes() for i in range(2)]
        for name in ("default", "one", "least")
    }
    assert images["default"] == images["one"] != images["least"]
    assert len(set(images["one"])) == 2 and len(set(images["least"])) == 1


BAD = {
    "no model": ("nowhere", {}, "neither a SavedModel nor a finished run"),
    "an unknown label": ("cvae", {"label": "2"}, "the model's labels are 0 (cats), 1 (dogs)"),
    "a label of a model without": ("vae", {"label": "0"}, "the model has no classes"),
    "no Gaussians": ("cvae", {"sampler": "gaussian_mixture"}, "has no function sample_mixture"),
    "a temperature of a model without": ("vae", {"temperature": 0.5}, "--temperature: only a"),
    "a sampler of a prior": ("prior", {"sampler": "normal"}, "--sampler normal: a prior draws"),
    "a temperature below 0": ("prior", {"temperature": -1.0}, "--temperature -1.0: must be at"),
    "no image": ("vae", {"count": 0}, "--count 0: must be at least 1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_in_one_line_and_exit_code_2(models, case, tmp_path, capsys):
    model, options, message = BAD[case]
    options = Config(model=models / model, output=tmp_path / "out", **options)
    assert cli.guarded(NAME, run, options) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_its_own_files_are_written_again_and_the_users_are_not(models, tmp_path, capsys):
    config = Config(model=models / "vae", output=tmp_path, count=2)
    assert run(config) == run(config) == 0
    Image.new("RGB", (4, 4)).save(tmp_path / "1.png")
    assert cli.guarded(NAME, run, config) == 2
    assert f"{tmp_path / '1.png'} is there, and not by this command" in capsys.readouterr().err
    assert pixels(tmp_path / "1.png").shape == (4, 4, 3)


def test_an_output_folder_below_a_file_is_refused(models, tmp_path, capsys):
    (tmp_path / "file").touch()
    options = Config(model=models / "vae", output=tmp_path / "file" / "out")
    assert cli.guarded(NAME, run, options) == 2
    assert "--output" in capsys.readouterr().err
