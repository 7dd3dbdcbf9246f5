"""Models for other runtimes, each file run by its own client, which is not the command's."""

import functools
import importlib.util
import re
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

import tf_gen
from experiments.export import NAME, Config, run
from experiments.launch import cli
from experiments.use import formats
from tf_gen import CVAE, VAE, VQVAE, CodePrior, UNetGenerator
from tf_gen.export import (
    export_code_prior,
    export_cvae,
    export_pix2pix,
    export_vae,
    export_vq_vae,
    translations,
)
from tf_gen.metrics import ssim
from tf_gen.training.run_dir import RunDir, save_model

SIZE = 16
SMALL = {"filters": (4, 4, 8)}
no_onnx = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("tf2onnx", "onnxruntime"))),
    reason="tf2onnx and onnxruntime are not installed (the extra export)",
)


def images(count=3, seed=0):
    """float32 [count, 16, 16, 3] in [0, 1], the colours of a coarse pattern."""
    coarse = np.random.default_rng(seed).uniform(0, 1, (count, 4, 4, 3))
    return coarse.repeat(4, 1).repeat(4, 2).astype(np.float32)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of two images to compare on."""
    folder = tmp_path_factory.mktemp("photos")
    for i, image in enumerate(images(2)):
        Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(folder / f"{i}.png")
    return folder


def pix2pix(dtype="float32"):
    generator = UNetGenerator(filters=12, depth=3, dtype=dtype)
    generator.build((None, SIZE, SIZE, 3))
    return generator


def vq_vae():
    model = VQVAE(codes=8, start="kmeans", **SMALL)
    model.start_codebook(images(8))
    return model


MODELS = {  # name -> (what makes the model, what makes its SavedModel)
    "pix2pix": (pix2pix, lambda model, folder: export_pix2pix(model, folder, SIZE)),
    "bfloat16": (
        lambda: pix2pix("mixed_bfloat16"),
        lambda model, folder: export_pix2pix(model, folder, SIZE),
    ),
    "vae": (lambda: VAE(image_size=SIZE, latent_dim=3, **SMALL), export_vae),
    "cvae": (lambda: CVAE(2, image_size=SIZE, latent_dim=3, **SMALL), export_cvae),
    "vq_vae": (vq_vae, export_vq_vae),
    "prior": (
        lambda: CodePrior(8, vq_vae=vq_vae(), grid=4, width=4, depth=1), export_code_prior,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(name of ``MODELS``) -> such a run's folder, as far as the command looks at it."""
    root = tmp_path_factory.mktemp("runs")

    @functools.cache
    def get(name):
        keras.utils.set_random_seed(3)
        make, export = MODELS[name]
        folder, model = root / name, make()
        export(model, folder / "saved_model")
        save_model(model, folder / "model.keras")
        precision = "bfloat16" if name == "bfloat16" else "float32"
        identity = {"image_size": SIZE, "precision": precision}
        record = {"experiment": "any", "identity": identity}
        RunDir(folder, writing=False).write("config.json", record)
        return folder

    return get


FUNCTIONS = {  # function -> (the models that have it, their inputs)
    ("pix2pix", "translate_fixed"): ["images"],
    ("vae", "reconstruct"): ["images"],
    ("vae", "encode"): ["images"],
    ("vae", "decode"): ["latents"],
    ("cvae", "reconstruct"): ["images", "labels"],
    ("vq_vae", "encode"): ["images"],
    ("vq_vae", "decode"): ["codes"],
    ("prior", "decode"): ["codes"],
    ("prior", "log_prob"): ["codes"],
}
FIRST = "pix2pix", "translate_fixed"  # the others take long
GIVEN = {
    "images": images(3, seed=1),
    "labels": np.array([1, 0, 1], np.int32),
    "latents": np.random.default_rng(0).normal(0, 1, (3, 3)).astype(np.float32),
    "codes": np.random.default_rng(0).integers(0, 8, (3, 4, 4), dtype=np.int32),
}


def by_litert(path, name, inputs):
    runner = Interpreter(str(path)).get_signature_runner(name)
    each = [runner(**{key: of[i : i + 1] for key, of in inputs.items()}) for i in range(3)]
    return {key: np.concatenate([one[key] for one in each]) for key in each[0]}


def by_onnx(path, name, inputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


CLIENTS = {"litert": (by_litert, ".tflite"), "onnx": (by_onnx, ".onnx")}


@pytest.mark.parametrize(
    "model, function, to",
    [
        pytest.param(*of, to, marks=marks if to == "onnx" or of != FIRST else [])
        for to, marks in (("litert", pytest.mark.slow), ("onnx", [no_onnx, pytest.mark.slow]))
        for of in FUNCTIONS
    ],
)
def test_its_own_client_gives_what_the_saved_model_gives(
    made, photos, tmp_path, model, function, to
):
    client, ending = CLIENTS[to]
    path = tmp_path / f"model{ending}"
    assert run(Config(model=made(model), to=to, output=path, function=function, images=photos)) == 0
    inputs = {key: GIVEN[key] for key in FUNCTIONS[model, function]}
    loaded = tf.saved_model.load(str(made(model) / "saved_model"))
    expected = loaded.signatures[function](**{k: tf.constant(v) for k, v in inputs.items()})
    found = client(path, function, inputs)
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, atol=1e-5)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.slow
@pytest.mark.parametrize("model, function", [("pix2pix", "translate_fixed"), ("vq_vae", "encode")])
def test_a_batch_may_be_left_free(made, photos, tmp_path, model, function):
    shapes = []
    for free in (False, True):
        options = {"output": tmp_path / f"{free}.tflite", "function": function, "any_batch": free}
        run(Config(model=made(model), to="litert", images=photos, **options))
        interpreter = Interpreter(str(options["output"]))
        (given,) = interpreter.get_input_details()
        shapes.append([int(side) for side in given["shape_signature"]])
    assert shapes[0] == [1, SIZE, SIZE, 3] and shapes[1][0] == -1
    found = interpreter.get_signature_runner(function)(images=GIVEN["images"])
    loaded = tf.saved_model.load(str(made(model) / "saved_model"))
    expected = loaded.signatures[function](images=GIVEN["images"])
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, atol=1e-5)


@pytest.mark.slow
def test_with_weights_of_8_bits_the_file_is_smaller_and_its_images_hardly_differ(
    made, photos, tmp_path, capsys
):
    path = tmp_path / "m.tflite"
    run(Config(model=made("pix2pix"), to="litert_int8", output=path, images=photos))
    told = capsys.readouterr().out
    assert f"{path.stat().st_size:,} bytes" in told and f"2 images of {photos}" in told
    weights = sum(np.prod(weight.shape) for weight in tf_gen.load(made("pix2pix")).weights)
    assert path.stat().st_size < 2 * weights  # of 4 bytes each, and the graph
    given = [np.asarray(Image.open(photos / f"{i}.png"))[None] / np.float32(255) for i in range(2)]
    loaded = tf.saved_model.load(str(made("pix2pix") / "saved_model"))
    expected = np.concatenate([loaded.translate_fixed(one) for one in given])
    runner = Interpreter(str(path)).get_signature_runner("translate_fixed")
    found = np.concatenate([runner(images=one)["outputs"] for one in given])
    most = np.abs(found - expected).max()
    assert most > 1e-4 and np.mean(ssim(expected, found)) > 0.995
    assert float(re.search(r"(\S+) at most", told)[1]) == pytest.approx(most, rel=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae", "bfloat16"])
def test_a_keras_file_loads_as_the_model_and_computes_in_float32(made, photos, tmp_path, name):
    run(Config(model=made(name), to="keras", output=tmp_path / "m.keras", images=photos))
    model, original = tf_gen.load(tmp_path / "m.keras"), tf_gen.load(made(name))
    assert model.dtype_policy.name == "float32"
    for found, expected in zip(model.weights, original.weights, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_what_was_trained_in_bfloat16_becomes_float32_and_both_differences_are_told(
    made, photos, tmp_path, capsys
):
    path = tmp_path / "m.tflite"
    run(Config(model=made("bfloat16"), to="litert", output=path, images=photos))
    found = by_litert(path, "translate_fixed", {"images": GIVEN["images"]})["outputs"]
    generator = pix2pix()
    generator.set_weights(tf_gen.load(made("bfloat16")).get_weights())
    expected = translations(generator, SIZE).translate_fixed(GIVEN["images"])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    told = re.findall(r"difference of the outputs (.*): (\S+) at most", capsys.readouterr().out)
    (_, of_conversion), (whose, of_precision) = told
    assert float(of_conversion) < 1e-5 < float(of_precision) and "bfloat16" in whose


@pytest.mark.slow
def test_a_grey_oblong_model_of_bfloat16_keeps_its_channels_and_sides(photos, tmp_path):
    generator = UNetGenerator(filters=4, depth=3, dtype="mixed_bfloat16")
    generator.build((None, 16, 32, 1))
    folder = tmp_path / "run"
    export_pix2pix(generator, folder / "saved_model", (16, 32), 1)
    save_model(generator, folder / "model.keras")
    record = {"experiment": "pix2pix_maps", "identity": {"precision": "bfloat16"}}
    RunDir(folder, writing=False).write("config.json", record)
    run(Config(model=folder, to="litert", output=tmp_path / "m.tflite", images=photos))
    given = np.random.default_rng(0).uniform(0, 1, (3, 16, 32, 1)).astype(np.float32)
    found = by_litert(tmp_path / "m.tflite", "translate_fixed", {"images": given})["outputs"]
    loaded = tf.saved_model.load(str(folder / "saved_model"))
    np.testing.assert_allclose(
        found, loaded.translate_fixed(given), atol=0.02
    )  # bfloat16's rounding


@pytest.mark.slow
def test_codes_that_differ_are_counted(made, photos, tmp_path, capsys, monkeypatch):
    class Wrong(formats.LiteRT):
        def client(self, config, path, name):
            call = super().client(config, path, name)
            return lambda **inputs: {"codes": call(**inputs)["codes"] + np.eye(4, dtype=int)}

    monkeypatch.setitem(formats.FORMATS, "litert", Wrong())
    path = tmp_path / "m.tflite"
    run(Config(model=made("vq_vae"), to="litert", output=path, function="encode", images=photos))
    assert "25.00% of the places differ" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "data, said",
    [("synthetic", "the drawn set that it trained on"), ("gone", "for lack of the run's own")],
)
def test_without_images_it_says_what_it_compared_on(made, tmp_path, capsys, data, said):
    record = RunDir(made("vae"), writing=False).read("config.json")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "saved_model").symlink_to(made("vae") / "saved_model")
    RunDir(folder, writing=False).write("config.json", record | {"settings": {"data": data}})
    for i, model in enumerate((folder, folder / "saved_model")):
        run(Config(model=model, to="litert", output=tmp_path / f"{i}.tflite"))
        assert said in capsys.readouterr().out
    run(Config(model=made("vae") / "saved_model", to="litert", output=tmp_path / "m.tflite"))
    assert "for lack of the run's record" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_runs_own_validation_images_are_compared_on(finished, tmp_path, capsys):
    folder = finished("map_to_aerial")
    run(Config(model=folder, to="litert", output=tmp_path / "m.tflite"))
    assert "on 3 validation images of the run's own data" in capsys.readouterr().out


@pytest.mark.slow
def test_a_ready_model_is_exported(tmp_path, capsys):
    run(Config(model="cartoon_vae", to="litert", output=tmp_path / "m.tflite"))
    images = tf_gen.load("cartoon_vae").sample_mixture(3, seed=0).numpy()
    found = by_litert(tmp_path / "m.tflite", "reconstruct", {"images": images})["outputs"]
    expected = tf_gen.load("cartoon_vae").reconstruct(images)
    np.testing.assert_allclose(found, expected, atol=1e-5)


BAD = {
    "no model": ({"model": "nowhere"}, "--model", "neither a SavedModel nor a finished run"),
    "a function that it lacks": ({"function": "encode"}, "--function encode", "translate_fixed"),
    "a function that draws": ({"function": "translate_noisy"}, "--function translate_noisy: draws"),
    "another ending": ({"output": "m.onnx"}, "--output", "ends in .tflite"),
    "output that exists": ({"output": "there.tflite"}, "--output", "exists"),
    "no images": ({"images": "nothing"}, "nothing"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_ends_in_one_line_and_exit_code_2(made, photos, tmp_path, capsys, case):
    (tmp_path / "there.tflite").touch()
    changed, *messages = BAD[case]
    given = {"output": "m.tflite"} | changed
    for name in {"model", "output", "images"} & given.keys():
        given[name] = tmp_path / given[name]
    config = Config(**{"model": made("pix2pix"), "to": "litert", "images": photos} | given)
    assert cli.guarded(NAME, run, config) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(message in error for message in messages), error
    assert [one.name for one in tmp_path.iterdir()] == ["there.tflite"]


@pytest.mark.parametrize(
    "error, told",
    [
        ("no such operation:\n  Magic", "no such operation: Magic"),
        ("a page\nTF Select ops: Magic\nand more", "(it lacks Select ops: Magic)"),
    ],
)
def test_what_a_converter_cannot_do_ends_in_one_line_and_leaves_nothing(
    made, photos, tmp_path, capsys, monkeypatch, error, told
):
    def refuse(self, *args):
        raise RuntimeError(error)

    monkeypatch.setattr(formats.LiteRT, "converted", refuse)
    config = Config(model=made("pix2pix"), to="litert", output=tmp_path / "m.tflite", images=photos)
    assert cli.guarded(NAME, run, config) == 2
    line = capsys.readouterr().err
    assert "cannot do translate_fixed" in line and told in line
    assert line.count("\n") == 1 and not [*tmp_path.iterdir()]


def test_a_converter_that_is_not_installed_is_named_with_its_extra(tmp_path, capsys, monkeypatch):
    nothing = types.SimpleNamespace(find_spec=lambda module: None)
    monkeypatch.setattr(formats.importlib, "util", nothing)
    config = Config(model=tmp_path, to="onnx", output=tmp_path / "m.onnx")
    assert cli.guarded(NAME, run, config) == 2
    error = capsys.readouterr().err
    assert "tf2onnx, onnxruntime" in error and "'.[export]'" in error and error.count("\n") == 1
