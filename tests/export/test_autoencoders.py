"""The autoencoders' SavedModels: what they compute, and that others can load them."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen import CVAE, VAE, VQVAE, CodePrior
from tf_gen.export import export_code_prior, export_cvae, export_vae, export_vq_vae
from tf_gen.layers import FiniteScalarQuantizer, ResidualQuantizer, VectorQuantizer

IMAGES = np.random.default_rng(0).uniform(0, 1, (7, 16, 16, 3)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0], np.int32)
SEED = np.array([5, 6], np.int32)
SMALL = {"filters": (4, 4, 8)}


@pytest.fixture(scope="module")
def vae(tmp_path_factory):
    keras.utils.set_random_seed(1)
    model, folder = VAE(16, latent_dim=5, **SMALL), tmp_path_factory.mktemp("vae") / "model"
    model.fit_latents(IMAGES, components=2)
    export_vae(model, folder)
    return model, folder, tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def cvae(tmp_path_factory):
    keras.utils.set_random_seed(1)
    model, folder = CVAE(3, 16, latent_dim=5, **SMALL), tmp_path_factory.mktemp("cvae") / "model"
    model.fit_latents((IMAGES, LABELS))
    export_cvae(model, folder, ["a", "b", "c"])
    return model, folder, tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def vq_vae(tmp_path_factory):
    keras.utils.set_random_seed(1)
    model, folder = VQVAE(codes=8, **SMALL), tmp_path_factory.mktemp("vq_vae") / "model"
    model.quantizer.start_from(model._vectors(IMAGES))
    export_vq_vae(model, folder)
    return model, folder, tf.saved_model.load(str(folder))


def exported_prior(folder, **options):
    keras.utils.set_random_seed(1)
    vq_vae = VQVAE(codes=8, **SMALL)
    vq_vae.quantizer.start_from(vq_vae._vectors(IMAGES))
    model = CodePrior(8, vq_vae=vq_vae, grid=4, width=4, depth=1, **options)
    export_code_prior(model, folder)
    return model, folder, tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def prior(tmp_path_factory):
    return exported_prior(tmp_path_factory.mktemp("prior") / "model")


@pytest.fixture(scope="module")
def labelled_prior(tmp_path_factory):
    return exported_prior(tmp_path_factory.mktemp("labelled_prior") / "model", num_classes=3)


def same(found, expected):
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("count", [1, 7])
def test_a_loaded_vae_does_what_the_model_does(vae, count):
    model, _, loaded = vae
    images = IMAGES[:count]
    same(loaded.reconstruct(images), model.reconstruct(images))
    same(loaded.encode(images), model.encode(images))
    same(loaded.decode(loaded.encode(images)[0]), model.reconstruct(images))
    same(loaded.sample(count, SEED), model.sample(count, SEED))
    same(loaded.sample(7, SEED)[:count], loaded.sample(count, SEED))
    same(loaded.sample_mixture(count, SEED), model.sample_mixture(count, SEED))
    same(loaded.directions(2), model.directions(2))


@pytest.mark.parametrize("count", [1, 7])
def test_a_loaded_cvae_does_what_the_model_does(cvae, count):
    model, _, loaded = cvae
    images, labels = IMAGES[:count], LABELS[:count]
    same(loaded.reconstruct(images, labels), model.reconstruct(images, labels))
    same(loaded.encode(images, labels), model.encode(images, labels))
    same(loaded.decode(loaded.encode(images, labels)[0], labels), model((images, labels)))
    same(loaded.sample(labels, SEED), model.sample(labels, SEED))
    same(loaded.sample_mixture(labels, SEED), model.sample_mixture(labels, SEED))
    assert loaded.class_names().numpy().tolist() == [b"a", b"b", b"c"]


def test_a_label_out_of_range_is_refused_with_the_range(cvae):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"labels must lie in 0 \.\.\. 2"):
        cvae[2].sample(tf.constant([3]), SEED)


@pytest.mark.parametrize("count", [1, 7])
def test_a_loaded_vq_vae_does_what_the_model_does(vq_vae, count):
    model, _, loaded = vq_vae
    images = IMAGES[:count]
    codes = loaded.encode(images)
    assert codes.dtype == tf.int32 and codes.shape == (count, 4, 4)
    assert len(np.unique(codes)) > 1
    np.testing.assert_array_equal(codes, model.encode(images))
    same(loaded.reconstruct(images), model.reconstruct(images))
    same(loaded.decode(codes), loaded.reconstruct(images))


QUANTIZERS = {
    "residual": lambda: ResidualQuantizer([VectorQuantizer(8, seed=n) for n in (0, 1)]),
    "finite_scalar": lambda: FiniteScalarQuantizer([8, 16]),
}


@pytest.mark.parametrize(
    "name", ["residual", pytest.param("finite_scalar", marks=pytest.mark.slow)]
)
def test_a_loaded_vq_vae_of_another_quantiser_has_codes_of_its_shape(name, tmp_path):
    keras.utils.set_random_seed(1)
    model = VQVAE(quantizer=QUANTIZERS[name](), **SMALL)
    export_vq_vae(model, tmp_path / "model")
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    codes = loaded.encode(IMAGES)
    assert codes.dtype == tf.int32 and len(np.unique(codes)) > 1
    assert codes.shape == (len(IMAGES), 4, 4, *model.quantizer.code_shape)
    np.testing.assert_array_equal(codes, model.encode(IMAGES))
    same(loaded.decode(codes), model.reconstruct(IMAGES))


def test_a_loaded_prior_does_what_the_model_does(prior):
    model, _, loaded = prior
    codes = loaded.encode(IMAGES)
    np.testing.assert_array_equal(codes, model.encode(IMAGES))
    same(loaded.log_prob(codes), model.log_prob(codes))
    same(loaded.decode(codes), model.decode(codes))
    np.testing.assert_array_equal(
        loaded.sample_codes(3, SEED, 0.5), model.sample_codes(3, SEED, 0.5)
    )
    same(loaded.sample(3, SEED), model.sample(3, SEED))
    same(loaded.sample(7, SEED)[:3], loaded.sample(3, SEED))


@pytest.mark.slow
def test_a_loaded_prior_of_classes_does_what_the_model_does(labelled_prior):
    model, _, loaded = labelled_prior
    codes = loaded.sample_codes(LABELS, SEED, 1.0)
    np.testing.assert_array_equal(codes, model.sample_codes(7, SEED, labels=LABELS))
    same(loaded.log_prob(codes, LABELS), model.log_prob(codes, LABELS))
    same(loaded.sample(LABELS, SEED), model.decode(codes))


def test_a_temperature_below_0_is_refused(prior):
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be at least 0"):
        prior[2].sample_codes(1, SEED, -1.0)


def test_a_loaded_vq_vae_takes_any_size_that_halves(vq_vae):
    assert vq_vae[2].reconstruct(np.zeros((1, 24, 8, 3), np.float32)).shape == (1, 24, 8, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="multiples of 4"):
        vq_vae[2].encode(np.zeros((1, 18, 16, 3), np.float32))


@pytest.mark.parametrize("function", ["reconstruct", "encode"])
@pytest.mark.parametrize("name", ["vae", "cvae", "vq_vae"])
def test_values_of_another_range_are_refused_with_the_range(name, function, request):
    called = getattr(request.getfixturevalue(name)[2], function)
    labels = [LABELS] if name == "cvae" else []
    told = r"lie between\] \[.*\] \[and\] \[25\d.*\] \[but the model takes \[0, 1\]: divide 8-bit"
    with pytest.raises(tf.errors.InvalidArgumentError, match=told):
        called(IMAGES * 255, *labels)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"lie between\] \[-0.99"):
        called(IMAGES * 2 - 1, *labels)
    called(IMAGES * 1.4, *labels)  # what resizing may make


@pytest.mark.parametrize("name", ["vae", "vq_vae"])
def test_gradients_pass_through(name, request):
    loaded, images = request.getfixturevalue(name)[2], tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_sum(tf.square(loaded.reconstruct(images)))
    assert np.abs(tape.gradient(loss, images).numpy()).max() > 0


SIGNATURES = {
    "vae": {
        "reconstruct": ({"images"}, {"outputs"}),
        "encode": ({"images"}, {"z_mean", "z_log_var"}),
        "decode": ({"latents"}, {"outputs"}),
        "sample": ({"count", "seed"}, {"outputs"}),
        "sample_mixture": ({"count", "seed"}, {"outputs"}),
        "directions": ({"count"}, {"latents"}),
    },
    "cvae": {
        "reconstruct": ({"images", "labels"}, {"outputs"}),
        "encode": ({"images", "labels"}, {"z_mean", "z_log_var"}),
        "decode": ({"latents", "labels"}, {"outputs"}),
        "sample": ({"labels", "seed"}, {"outputs"}),
        "sample_mixture": ({"labels", "seed"}, {"outputs"}),
        "directions": ({"count"}, {"latents"}),
    },
    "vq_vae": {
        "reconstruct": ({"images"}, {"outputs"}),
        "encode": ({"images"}, {"codes"}),
        "decode": ({"codes"}, {"outputs"}),
    },
    "prior": {
        "sample": ({"count", "seed"}, {"outputs"}),
        "sample_codes": ({"count", "seed", "temperature"}, {"codes"}),
        "log_prob": ({"codes"}, {"log_probs"}),
        "encode": ({"images"}, {"codes"}),
        "decode": ({"codes"}, {"outputs"}),
    },
    "labelled_prior": {
        "sample": ({"labels", "seed"}, {"outputs"}),
        "sample_codes": ({"labels", "seed", "temperature"}, {"codes"}),
        "log_prob": ({"codes", "labels"}, {"log_probs"}),
        "encode": ({"images"}, {"codes"}),
        "decode": ({"codes"}, {"outputs"}),
    },
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "labelled_prior" else name
        for name in SIGNATURES
    ],
)
def test_signatures_have_the_contracts_names(name, request):
    found = request.getfixturevalue(name)[2].signatures
    named = {
        key: (set(f.structured_input_signature[1]), set(f.structured_outputs))
        for key, f in found.items()
    }
    default = SIGNATURES[name].get("reconstruct") or SIGNATURES[name]["sample"]
    assert named == SIGNATURES[name] | {"serving_default": default}


ELSEWHERE = """
import sys
sys.modules["tf_gen"] = sys.modules["experiments"] = sys.modules["keras"] = None
import numpy as np, tensorflow as tf
*given, folder, file = sys.argv[1:]
prior = tf.saved_model.load(folder)
drawn = prior.sample(tf.constant(2), tf.constant([1, 2]))
np.testing.assert_allclose(drawn, np.load(file), atol=1e-5)
for folder, file in zip(given[::2], given[1::2]):
    model, data = tf.saved_model.load(folder), dict(np.load(file))
    named = {key: value for key, value in data.items() if key != "expected"}
    for count in (1, 7):
        part = {key: tf.constant(value[:count]) for key, value in named.items()}
        found = model.signatures["serving_default"](**part)["outputs"]
        np.testing.assert_allclose(found, data["expected"][:count], atol=1e-5, err_msg=folder)
        np.testing.assert_allclose(model.reconstruct(*part.values()), found, atol=1e-6)
    if hasattr(model, "sample"):
        given = tf.constant([0, 2]) if "labels" in named else tf.constant(2)
        found = model.sample(given, tf.constant([1, 2]))
        assert found.shape == (2, 16, 16, 3)
        assert 0 <= found.numpy().min() <= found.numpy().max() <= 1
"""


@pytest.mark.slow
def test_a_process_that_cannot_import_the_package_loads_each_of_them(request, tmp_path):
    given = []
    for name in ("vae", "cvae", "vq_vae"):
        model, folder, _ = request.getfixturevalue(name)
        named = {"images": IMAGES, "labels": LABELS} if name == "cvae" else {"images": IMAGES}
        expected = model.reconstruct(*named.values())
        np.savez(tmp_path / f"{name}.npz", **named, expected=expected)
        given += [folder, tmp_path / f"{name}.npz"]
    prior, folder, _ = request.getfixturevalue("prior")
    np.save(tmp_path / "drawn.npy", prior.sample(2, [1, 2]))
    given += [folder, tmp_path / "drawn.npy"]
    subprocess.run([sys.executable, "-c", ELSEWHERE, *given], check=True, cwd=tmp_path)
