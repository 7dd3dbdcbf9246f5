"""The networks and the defaults held against the report, transcribed in experiments/report."""

import dataclasses
import tomllib
from pathlib import Path

import keras
import numpy as np
import pytest

from experiments import (
    cvae_faces,
    pix2pix_maps,
    spade_maps,
    vae_anime,
    vae_cartoon,
    vq_vae_faces,
)
from experiments.tasks import faces as face_task
from tf_gen import CVAE, VAE, VQVAE, PatchDiscriminator, Pix2Pix, SPADEGenerator, UNetGenerator

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


SPADE = tomllib.loads((REPORT / "spade.toml").read_text())


def shown_by_spade(network):
    """(block, output shape, trainable parameters) of each row of the paper's drawing; the
    normalisation that stands beside a convolution counts with it."""
    rows = []
    for layer in network.layers:
        trained = sum(int(np.prod(v.shape)) for v in layer.trainable_variables)
        if layer.name == "normalization":
            rows[-1][2] += trained
        elif trained:
            name = layer.name.replace("spectral_normalization", "convolution").replace("_", " ")
            rows.append([name, list(layer.output.shape[1:]), trained])
    return rows


def spade_generator(**options):
    facts = SPADE["generator"]
    return SPADEGenerator(latent_dim=facts["latent_dim"], input_kind="colours", **options)


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_spades_networks_have_the_papers_shapes_and_weights(part):
    facts = SPADE[part]
    network = spade_generator() if part == "generator" else spade_discriminator()
    channels = {} if part == "generator" else {"input_channels": facts["input_channels"] - 3}
    found = shown_by_spade(network.functional(**channels))
    expected = [[row["block"], row["output_shape"], row["parameters"]] for row in facts["rows"]]
    assert [row[1:] for row in found] == [row[1:] for row in expected]
    assert sum(row[2] for row in found) == facts["total_parameters"]


def spade_discriminator():
    return PatchDiscriminator(normalization="instance", spectral=True)


def test_spades_normalisation_and_block_are_the_papers():
    facts, block = SPADE["normalization"], spade_generator().blocks[-1]
    assert block.spade["hidden"] == facts["hidden"]
    block.build((None, 8, 8, 128), (None, 8, 8, 5))
    layers = [layer for norm in block.norms for layer in (norm.shared, norm.modulation)]
    assert {layer.kernel_size for layer in layers} == {(facts["kernel"],) * 2}
    assert {layer.activation.__name__ for layer in layers} == {
        facts["activation"].lower(),
        "linear",
    }
    assert len(block.convolutions) == SPADE["block"]["parts"].count("3x3 convolution") + 1


def test_spades_defaults_are_the_papers_but_for_the_deviations_listed():
    found = {f.name: f.default for f in dataclasses.fields(spade_maps.Config)}
    expected = {name: entry["value"] for name, entry in SPADE["hyperparameters"].items()}
    differing = {name: found[name] for name in expected if found[name] != expected[name]}
    assert differing == {entry["field"]: entry["ours"] for entry in SPADE["deviations"]}
    assert all(entry["where"] for entry in SPADE["hyperparameters"].values())
    assert all(entry["why"] for entry in SPADE["deviations"])


AUTOENCODERS = {
    "vae": ((vae_anime, vae_cartoon), VAE),
    "cvae": ((cvae_faces,), CVAE),
    "vq_vae": ((vq_vae_faces,), VQVAE),
}


def facts_of(part):
    return tomllib.loads((REPORT / f"{part}.toml").read_text())


def condition_of(cvae):
    """What the label is beside z."""
    *latents, none, value = cvae._joined(np.zeros((1, cvae.latent_dim)), [1])[0].numpy()
    assert not any(latents) and none == 0
    root = pytest.approx(np.sqrt(cvae.latent_dim))
    return {1.0: "one-hot"}.get(value, value == root and "one-hot, at z times sqrt(latent_dim)")


def second_head_of(model):
    """What the encoder's second head gives, the largest of it included."""
    model.log_var_head.bias.assign([99.0] * model.latent_dim)
    labels = [[0]] if isinstance(model, CVAE) else []
    _, log_var = model.encode(np.zeros((1, *model.image_size, 3), np.float32), *labels)
    return f"log-variance, at most {np.max(log_var):.3g}"


@pytest.mark.parametrize("part", AUTOENCODERS)
def test_an_autoencoders_defaults_are_the_reports_but_for_the_deviations_listed(part):
    scripts, model_class = AUTOENCODERS[part]
    facts, model = facts_of(part), model_class()
    for script in scripts:
        found = {f.name: f.default for f in dataclasses.fields(script.Config)}
        found["filters"] = list(model.filters)
        expected = {name: entry["value"] for name, entry in facts["hyperparameters"].items()}
        if part == "cvae":
            found["condition.encoding"] = condition_of(model)
            expected["condition.encoding"] = facts["condition"]["encoding"]
        if part != "vq_vae":
            found["encoder.heads[1]"] = second_head_of(model)
            expected["encoder.heads[1]"] = facts["encoder"]["heads"][1]
        differing = {name: found[name] for name in expected if found[name] != expected[name]}
        assert differing == {d["field"]: d["ours"] for d in facts.get("deviations", [])}


@pytest.mark.parametrize("part", [*AUTOENCODERS, "pix2pix"])
def test_what_the_report_leaves_open_is_said_as_the_code_has_it(part):
    script = AUTOENCODERS[part][0][0] if part in AUTOENCODERS else pix2pix_maps
    fields = {f.name: f.default for f in dataclasses.fields(script.Config)}
    fields |= {"dropout_rate": UNetGenerator().dropout, "beta_2": keras.optimizers.Adam().beta_2}
    said = {name: ours for name, ours in facts_of(part)["not_stated"].items() if name in fields}
    assert len(said) >= 2
    for name, ours in said.items():
        assert float(ours.split(",")[0]) == fields[name], name


@pytest.mark.parametrize("part", AUTOENCODERS)
def test_a_script_and_its_model_have_the_same_defaults(part):
    (script, *_), model_class = AUTOENCODERS[part]
    defaults, config = script.Config(), model_class().get_config()
    names = set(config) & {f.name for f in dataclasses.fields(defaults)}
    assert {"normalization", "pool_last", "seed"} < names
    for name in names - {"image_size"}:
        assert config[name] == getattr(defaults, name), name


@pytest.mark.parametrize("part", AUTOENCODERS)
def test_an_autoencoder_is_built_as_the_report_describes(part):
    facts, model = facts_of(part), AUTOENCODERS[part][1]()
    chain = [type(layer).__name__ for layer in model.encoder._chain()]
    between = {"max pooling": "MaxPooling2D", "batch normalisation": "BatchNorm"}
    step = ["Conv2D", *(between[name] for name in facts["encoder"]["between_convolutions"])]
    last = ["Conv2D", "MaxPooling2D"] if model.pool_last else ["Conv2D"]
    assert chain == step * (facts["encoder"]["convolutions"] - 1) + last
    assert {layer.activation.__name__ for layer in model.encoder.convolutions} == {"relu"}
    backwards = [layer for layer in model.decoder._chain() if "Conv" in type(layer).__name__]
    assert {type(layer).__name__ for layer in backwards} == {"Conv2DTranspose"}
    assert [layer.filters for layer in backwards] == [*reversed(model.filters), 3]
    images = model(np.zeros((1, 64, 64, 3), np.float32)) if part != "cvae" else None
    assert images is None or 0 <= np.min(images) <= np.max(images) <= 1  # a sigmoid


def test_the_conditional_vaes_labels_are_the_reports():
    from experiments.tasks.cvae import STYLES

    labels = facts_of("cvae")["labels"]
    assert [labels[style] for style in STYLES] == [0, 1]


def test_the_codebook_is_the_reports():
    quantizer = VQVAE().quantizer
    vectors = quantizer.vectors.numpy()
    assert vectors.shape[1] == 64  # as many as the encoder's output has channels
    assert np.abs(vectors).max() <= 1 / quantizer.codes and quantizer.vectors.trainable
    assert facts_of("vq_vae")["codebook"]["initialization"] == quantizer.start == "uniform"


def test_as_many_images_are_shown_as_in_the_report():
    shown = {figure["id"]: figure.get("count") for figure in facts_of("vae")["figures"]}
    assert (
        shown["anime_samples"] == face_task.SAMPLES and shown["anime_generated"] == face_task.SHOWN
    )
    assert {figure["count"] for figure in facts_of("vq_vae")["figures"]} == {face_task.SHOWN}


@pytest.mark.parametrize("part", ["pix2pix", "vae", "cvae", "vq_vae"])
def test_every_part_of_the_report_is_there_and_says_where_its_values_stand(part):
    facts = tomllib.loads((REPORT / f"{part}.toml").read_text())
    assert facts["hyperparameters"] and facts["claims"] and facts["figures"]
    assert all({"value", "where"} == set(entry) for entry in facts["hyperparameters"].values())
