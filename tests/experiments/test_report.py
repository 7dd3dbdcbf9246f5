"""The networks and the defaults held against the report, transcribed in experiments/report."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from experiments import pix2pix_maps
from tf_gen import PatchDiscriminator, Pix2Pix, UNetGenerator

REPORT = Path(pix2pix_maps.__file__).parent / "report"
PIX2PIX = tomllib.loads((REPORT / "pix2pix.toml").read_text())


def rows_of(functional):
    """(name, output shape, parameters, names of the layers read) of each layer with an output."""
    rows = {}
    for layer in functional.layers:
        nodes = [node for node in layer._inbound_nodes if node.parent_nodes]
        reads = [parent.operation.name for node in nodes for parent in node.parent_nodes]
        rows[layer.name] = (list(layer.output.shape[1:]), layer.count_params(), reads)
    return rows


@pytest.fixture(scope="module")
def generator():
    return rows_of(UNetGenerator().functional())


@pytest.fixture(scope="module")
def discriminator():
    return rows_of(PatchDiscriminator().functional())


def ours(block):
    return block.replace(" ", "_")


@pytest.mark.parametrize("row", PIX2PIX["generator"]["rows"], ids=lambda row: row["block"])
def test_each_row_of_the_generator_summary(generator, row):
    expected = (row["output_shape"], row["parameters"], [ours(name) for name in row["reads"]])
    assert generator[ours(row["block"])] == expected


def test_the_generator_has_no_other_block(generator):
    named = {ours(row["block"]) for row in PIX2PIX["generator"]["rows"]}
    assert set(generator) - named == {"tanh"}  # the report's output row names it too
    total = sum(parameters for _, parameters, _ in generator.values())
    assert total == PIX2PIX["generator"]["total_parameters"] == 54_425_859


def test_the_outputs_after_concatenation(generator):
    joined = [shape for name, (shape, _, _) in generator.items() if name.startswith("concat")]
    down = [shape for name, (shape, _, _) in generator.items() if name.startswith("down")]
    rows = PIX2PIX["generator_outputs"]["rows"]
    assert down + joined == [[row["height"], row["width"], row["channels"]] for row in rows]


def test_each_row_of_the_discriminator_summary(discriminator):
    found = [(shape, parameters) for shape, parameters, _ in discriminator.values()]
    rows = PIX2PIX["discriminator"]["rows"]
    expected = [(row["output_shape"], row["parameters"]) for row in rows]
    assert found == expected
    total = sum(parameters for _, parameters in found)
    assert total == PIX2PIX["discriminator"]["total_parameters"] == 2_770_433


def defaults():
    """What the code does by default, by the names that the report's facts have."""
    fields = {f.name: f.default for f in dataclasses.fields(pix2pix_maps.Config)}
    model = Pix2Pix(UNetGenerator(filters=1, depth=2), PatchDiscriminator(filters=1))
    return fields | {"training_step.draws_fakes_twice": model.redraw_fakes}


def stated():
    facts = {name: entry["value"] for name, entry in PIX2PIX["hyperparameters"].items()}
    twice = PIX2PIX["training_step"]["draws_fakes_twice"]
    return facts | {"training_step.draws_fakes_twice": twice}


def test_defaults_are_the_reports_but_for_the_deviations_listed():
    found, expected = defaults(), stated()
    differing = {name: found[name] for name in expected if found[name] != expected[name]}
    listed = {entry["field"]: entry["ours"] for entry in PIX2PIX["deviations"]}
    assert differing == listed
    assert all(entry["why"] for entry in PIX2PIX["deviations"])


def test_the_script_and_the_library_have_the_same_defaults():
    model = Pix2Pix(UNetGenerator(filters=1, depth=2), PatchDiscriminator(filters=1))
    for field in ("adversarial_loss", "reconstruction", "reconstruction_weight", "update", "seed"):
        assert getattr(model, field) == defaults()[field]


@pytest.mark.parametrize("part", ["pix2pix", "vae", "cvae", "vq_vae"])
def test_every_part_of_the_report_is_there_and_says_where_its_values_stand(part):
    facts = tomllib.loads((REPORT / f"{part}.toml").read_text())
    assert facts["hyperparameters"] and facts["claims"] and facts["figures"]
    assert all({"value", "where"} == set(entry) for entry in facts["hyperparameters"].values())
