"""The server of the page to draw on: what it answers, and what it refuses."""

import base64
import io
import json
import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from werkzeug.test import Client

from experiments.draw import NAME, Config, run
from experiments.launch import cli
from experiments.use import draw, drawing
from tf_gen import CVAE, VAE, UNetGenerator
from tf_gen.data.images import to_levels
from tf_gen.export import export_cvae, translations
from tf_gen.export.autoencoders import vae_functions
from tf_gen.metrics.street_maps import MAP_CLASSES, map_classes

SMALL = {"image_size": 16, "latent_dim": 3, "filters": (4, 4, 8)}


RECORD = {"settings": {"data": "synthetic"}, "identity": {"direction": "map_to_aerial"}}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """What commands get of ``load_saved_model``; one of them is really such."""
    generator = UNetGenerator(filters=2, depth=3)
    generator.build((None, 32, 32, 3))
    images = np.random.default_rng(0).uniform(0, 1, (9, 16, 16, 3)).astype(np.float32)
    vae, cvae = VAE(**SMALL), CVAE(2, **SMALL)
    vae.fit_latents(images)
    cvae.fit_latents((images, np.arange(9) % 2))
    folder = tmp_path_factory.mktemp("cvae")
    export_cvae(cvae, folder, ["cats", "dogs"])
    return {
        "city": translations(generator, 32),
        "vae": functions_of(vae),
        "cvae": tf.saved_model.load(str(folder)),
    }


def functions_of(vae):
    return SimpleNamespace(**{name: call for name, (call, _) in vae_functions(vae).items()})


@pytest.fixture(scope="module")
def pages(models):
    """{name: a client of the model's page}."""
    records = {"city": RECORD, "vae": {}, "cvae": {}}
    return {
        name: Client(draw.App(drawing.ability_of(model, records[name], name)))
        for name, model in models.items()
    }


def png(array):
    encoded = io.BytesIO()
    Image.fromarray(array).save(encoded, "PNG")
    return encoded.getvalue()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def shown(url):
    return pixels(base64.b64decode(url.partition(",")[2]))


def test_the_page_is_one_file_that_may_ask_its_own_server_alone(pages):
    answer = pages["city"].get("/")
    assert answer.status_code == 200 and "<!doctype html>" in answer.text
    assert "http" not in answer.text.replace("http-equiv", "")
    rules = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in rules and "connect-src 'self'" in rules


def test_a_drawing_is_answered_with_the_models_translation(pages, models):
    drawn = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    answer = pages["city"].post("/translate", data=png(drawn))
    expected = to_levels(models["city"].translate(drawn[None].astype(np.float32) / 255)[0])
    assert answer.mimetype == "image/png"
    np.testing.assert_array_equal(pixels(answer.data), expected)


def test_an_image_that_is_opened_comes_back_as_its_middle_in_the_models_size(pages):
    image = np.zeros((40, 96, 3), np.uint8)
    image[:, 28:68] = 200
    found = pixels(pages["city"].post("/open", data=png(image)).data)
    assert found.shape == (32, 32, 3) and (found == 200).all()


def test_maps_are_drawn_in_their_own_colours():
    def classes(palette):
        rgb = np.array([[int(one["colour"][i : i + 2], 16) for i in (1, 3, 5)] for one in palette])
        named = zip(palette, map_classes(rgb.astype(np.uint8)).numpy(), strict=True)
        return {one["name"]: MAP_CLASSES[found] for one, found in named}

    published, city = (classes(drawing.palette(data, True)) for data in ("report", "synthetic"))
    assert published == {name: name for name in MAP_CLASSES}
    alike = {"ground", "street", "motorway", "water"}
    assert {name: city[name] for name in alike} == {name: name for name in alike}
    assert city["park"] == city["pitch"] == "green" and city["road"] == "street"
    assert [*classes(drawing.palette("my_pairs", True))] == [*MAP_CLASSES, "white", "black"]
    assert [*classes(drawing.palette("my_pairs", False))] == ["white", "black"]


def test_a_city_to_begin_with_goes_by_its_seed_where_the_model_knows_cities(pages):
    one, again, other = (pages["city"].get(f"/scene?seed={seed}").data for seed in (1, 1, 2))
    assert one == again != other and pixels(one).shape == (32, 32, 3)
    assert pages["city"].get("/about").json["scenes"]
    assert pages["vae"].get("/scene").status_code == 404


@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_new_faces_are_the_mixtures_and_what_their_latents_decode_to(pages, models, name):
    page, model = pages[name], models[name]
    new = page.get("/new?count=3&seed=5&label=1").json
    labels = [np.ones(3, np.int32)] if name == "cvae" else []
    drawn = model.sample_mixture(*labels or [3], [5, 0])
    np.testing.assert_allclose(new["latents"], model.encode(drawn, *labels)[0], atol=1e-4)
    again = page.post("/decode?label=1", data=json.dumps(new["latents"])).json
    for one, other in zip(new["images"], again["images"], strict=True):
        change = shown(one).astype(int) - shown(other)
        assert np.abs(change).max() <= 1  # latents were rounded
    assert len(page.get("/about").json["directions"]) == 3
    assert page.get("/about").json["classes"] == (["cats", "dogs"] if name == "cvae" else [])


def test_a_face_that_is_opened_becomes_latents(pages):
    image = np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8)
    found = pages["vae"].post("/open", data=png(image)).json
    assert len(found["latents"]) == 1 and shown(found["images"][0]).shape == (16, 16, 3)


class Prior(tf.Module):
    """A stand-in for a prior over codes."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)])
    def sample(self, count, seed):
        return tf.random.stateless_uniform([count, 8, 8, 3], seed)

    sample_codes = decode = sample


def test_a_prior_over_codes_samples():
    page = Client(draw.App(drawing.ability_of(Prior(), {}, "codes")))
    assert page.get("/about").json["kind"] == "sample"
    images = page.get("/new?count=5&seed=3").json["images"]
    assert len(images) == 5 and shown(images[0]).shape == (8, 8, 3)


PHOTO = png(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))


def too_large():
    return bytes(draw.MOST_BYTES + 1)


REFUSED = {
    "no image": ("/open", lambda: b"text", 400, "no image that can be read"),
    "half an image": ("/open", lambda: PHOTO[: len(PHOTO) // 2], 400, "This file"),
    "too many bytes": ("/open", too_large, 413, "larger than 10 MB"),
    "too many pixels": ("/open", lambda: png(np.zeros((1, 4097), "uint8")), 400, "4096 pixels"),
    "no latents": ("/decode", lambda: b"{}", 400, "The model cannot take that"),
    "latents of another length": ("/decode", lambda: b"[[1, 2]]", 400, "cannot take that"),
    "latents that are not finite": ("/decode", lambda: b"[[NaN, 1, 2]]", 400, "lists of numbers"),
    "nothing": ("/nothing", lambda: b"", 404, "nothing here"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_told_in_one_line_and_the_page_goes_on(pages, case):
    path, data, status, told = REFUSED[case]
    page = pages["city" if path == "/open" else "vae"]
    answer = page.post(path, data=data())
    assert answer.status_code == status and told in answer.text and "\n" not in answer.text
    assert page.get("/about").status_code == 200


def test_another_pages_name_for_this_machine_is_not_answered(pages):
    assert pages["city"].get("/about", headers={"Host": "elsewhere.example"}).status_code == 400


def test_the_model_is_asked_one_thing_at_a_time():
    inside, most = [], []

    class Slow:
        about = {}

        @staticmethod
        def answer(body, args):
            inside.append(1)
            most.append(len(inside))
            threading.Event().wait(0.02)
            inside.pop()
            return []

        answers = {"/slow": answer}

    app = draw.App(Slow())
    threads = [threading.Thread(target=lambda: Client(app).get("/slow")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4


def refusal(capsys, port=0):
    assert cli.guarded(NAME, run, Config(model=Path("some"), port=port)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_port_that_is_taken_is_refused_in_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"--port {port}: Address already in use; give another" in refusal(capsys, port)


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: SimpleNamespace(encode=len, reconstruct=len), "has no function to draw with"),
        (lambda: functions_of(VAE(**SMALL, channels=1)), "no model from RGB to RGB images"),
    ],
    ids=["none", "grey"],
)
def test_a_model_that_cannot_be_drawn_with_is_refused_in_one_line(make, told, capsys, monkeypatch):
    model = make()
    monkeypatch.setattr(draw, "load_saved_model", lambda *args: model)
    assert f"--model some: {told}" in refusal(capsys)
