"""pix2pixHD's networks and defaults held against the paper, transcribed in experiments/report."""

import dataclasses
import math
import tomllib
from pathlib import Path

import keras
import pytest

from experiments import pix2pixhd_maps
from tf_gen import GlobalGenerator, LocalEnhancer, MultiScaleDiscriminator

FACTS = tomllib.loads(
    (Path(pix2pixhd_maps.__file__).parent / "report" / "pix2pixhd.toml").read_text()
)
HEIGHT, WIDTH, SEEN = FACTS["input_shape"]


@pytest.fixture(scope="module")
def networks():
    """{name: functional model}, at full width, of zeros, which are drawn sooner."""
    with pytest.MonkeyPatch.context() as patch:
        draw = keras.initializers.RandomNormal
        patch.setattr(draw, "__call__", lambda self, shape, **kw: keras.ops.zeros(shape))
        coarse = GlobalGenerator(edges=True).functional(HEIGHT // 2, WIDTH // 2)
        fine = LocalEnhancer(edges=True).functional(HEIGHT, WIDTH)
        judges = MultiScaleDiscriminator(3, normalization="instance")
        judges.build([(None, HEIGHT, WIDTH, SEEN), (None, HEIGHT, WIDTH, 3)])
        first = judges.discriminators[0].functional(HEIGHT, WIDTH, SEEN)
        return {"global_generator": coarse, "local_enhancer": fine, "discriminator": first}


def kernels(layer):
    return sum(math.prod(w.shape) for w in layer.weights if w.path.endswith("kernel"))


@pytest.mark.parametrize("name", ["global_generator", "local_enhancer", "discriminator"])
def test_each_row_of_the_papers_networks_and_no_other_convolution(networks, name):
    layers = {layer.name: layer for layer in networks[name].layers}
    rows = FACTS[name]["rows"]
    found = [
        (list(layers[row["layer"]].output.shape[1:]), kernels(layers[row["layer"]])) for row in rows
    ]
    assert found == [(row["output_shape"], row["parameters"]) for row in rows]
    others = set(layers) - {row["layer"] for row in rows} - {"global_generator"}
    assert not any(kernels(layers[other]) for other in others)


def test_the_enhancer_adds_what_the_global_generator_gives_before_it_makes_an_image(networks):
    enhancer, rows = networks["local_enhancer"], FACTS["global_generator"]["rows"]
    coarse = enhancer.get_layer("global_generator")
    assert kernels(coarse) == sum(row["parameters"] for row in rows[:-1])
    assert list(coarse.output.shape[1:]) == rows[-2]["output_shape"]
    after = enhancer.get_layer(FACTS["local_enhancer"]["added_before"])
    assert after.input is enhancer.get_layer("add").output
    assert after.input is not None and coarse.output in enhancer.get_layer("add").input


def test_the_defaults_are_the_papers_but_for_the_deviations_listed():
    defaults = {f.name: f.default for f in dataclasses.fields(pix2pixhd_maps.Config)}
    differing = {
        name: defaults[name]
        for name, entry in FACTS["hyperparameters"].items()
        if defaults[name] != entry["value"]
    }
    assert differing == {entry["field"]: entry["ours"] for entry in FACTS["deviations"]}
    assert all(entry["why"] for entry in FACTS["deviations"])
    assert all({"value", "where"} == set(entry) for entry in FACTS["hyperparameters"].values())
    said = {name: ours for name, ours in FACTS["not_stated"].items() if name in defaults}
    assert len(said) == 3
    for name, ours in said.items():
        assert ours.split(",")[0].split(":")[0] == str(defaults[name]), name
