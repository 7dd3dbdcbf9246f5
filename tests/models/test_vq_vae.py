"""The VQ-VAE: codes, its loss against NumPy, how the codebook starts, and what it refuses."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen import VQVAE
from tf_gen.errors import UserError
from tf_gen.layers import FiniteScalarQuantizer, VectorQuantizer, VectorQuantizerEMA

IMAGES = np.random.default_rng(0).uniform(0, 1, (5, 16, 16, 3)).astype(np.float32)


def small(learning_rate=1e-3, started=True, **options):
    """A compiled model whose codebook, unless told otherwise, is spread over the vectors."""
    keras.utils.set_random_seed(3)
    model = VQVAE(**{"codes": 8, "filters": (4, 4, 8), **options})
    if started:
        model.quantizer.start_from(model._vectors(tf.constant(IMAGES)))
    model.compile(keras.optimizers.Adam(learning_rate))
    model.optimizer.build(model.trainable_variables)
    return model


def perplexity(codes):
    shares = np.unique(codes, return_counts=True)[1] / np.size(codes)
    return np.exp(-(shares * np.log(shares)).sum())


# Use ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pool_last", "side"), [(False, 4), (True, 2)])
def test_an_image_becomes_a_grid_of_codes_by_4_smaller_or_by_8(pool_last, side):
    codes = small(pool_last=pool_last).encode(IMAGES)
    assert codes.shape == (5, side, side) and codes.dtype == tf.int32
    assert 0 <= codes.numpy().min() < codes.numpy().max() < 8


@pytest.mark.parametrize("options", [{}, {"pool_last": True}, {"code_dim": 5}])
def test_call_predict_and_reconstruct_decode_the_codes(options):
    model = small(**options)
    expected = model.decode(model.encode(IMAGES)).numpy()
    assert expected.shape == IMAGES.shape and 0 < expected.min() < expected.max() < 1
    np.testing.assert_allclose(model.reconstruct(IMAGES), expected, atol=1e-6)
    np.testing.assert_allclose(model(IMAGES), expected, atol=1e-6)
    np.testing.assert_allclose(model.predict(IMAGES, batch_size=2, verbose=0), expected, atol=1e-6)


def test_the_codes_vectors_have_the_width_asked_for():
    assert small(code_dim=5).quantizer.vectors.shape == (8, 5)
    assert small(started=False).quantizer.vectors.shape == (8, 8)  # the last filters


def test_any_size_that_halves_twice_is_taken():
    model = small()
    assert model.encode(np.zeros((1, 24, 8, 3), np.float32)).shape == (1, 6, 2)
    assert model(np.zeros((1, 24, 8, 3), np.float32)).shape == (1, 24, 8, 3)


# Losses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("codebook", ["gradient", "ema"])
def test_the_losses_are_means_over_all_elements(codebook):
    model = small(codebook=codebook, commitment_weight=0.5)
    found = {key: float(value) for key, value in model.test_step(IMAGES).items()}
    z, codes = model.encoder(IMAGES).numpy(), model.encode(IMAGES).numpy()
    chosen = model.quantizer.vectors.numpy()[codes]
    recon = np.mean((IMAGES - model(IMAGES).numpy()) ** 2)
    distance = np.mean((z - chosen) ** 2)
    expected = {
        "recon_loss": recon,
        "codebook_loss": distance,
        "commitment_loss": distance,
        "loss": recon + 0.5 * distance + (distance if codebook == "gradient" else 0),
        "perplexity": perplexity(codes),
    }
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_perplexity_is_that_of_all_images_not_a_mean_over_batches():
    # rate 0 and no normalisation: what is trained computes the same as what is evaluated
    model = small(learning_rate=0.0, normalization="none")
    batches = []
    record = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batches.append(logs["perplexity"])
    )
    options = {"batch_size": 2, "verbose": 0}
    history = model.fit(IMAGES, shuffle=False, callbacks=[record], **options).history
    codes = model.encode(IMAGES).numpy()
    expected = [perplexity(codes[rows]) for rows in (slice(2), slice(2, 4), slice(4, 5))]
    np.testing.assert_allclose(batches, expected, rtol=1e-5)
    evaluated = model.evaluate(IMAGES, return_dict=True, **options)["perplexity"]
    np.testing.assert_allclose([*history["perplexity"], evaluated], perplexity(codes), rtol=1e-5)
    assert abs(perplexity(codes) - np.mean(expected)) > 0.05


# The quantiser -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codebook", "layer"), [("gradient", VectorQuantizer), ("ema", VectorQuantizerEMA)]
)
def test_a_codebook_by_arguments_is_that_layer_given(codebook, layer):
    learning = {"start": "kmeans", "restart_below": 0.5, "seed": 2}
    by_arguments = small(started=False, codebook=codebook, **learning)
    given = small(started=False, codes=512, quantizer=layer(8, **learning))
    configs = [model.quantizer.get_config() for model in (by_arguments, given)]
    assert {**configs[0], "name": ""} == {**configs[1], "name": ""}
    assert type(by_arguments.quantizer) is layer and by_arguments.codes == given.codes == 8
    for model in (by_arguments, given):
        model.start_codebook(IMAGES)
    for a, b in zip(by_arguments.variables, given.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_grid_has_its_own_width_and_no_losses():
    model = small(started=False, codes=512, quantizer=FiniteScalarQuantizer([8, 5, 5]))
    assert model.projection.filters == 3 and model.codes == 200
    found = {key: float(value) for key, value in model.test_step(IMAGES).items()}
    assert found["codebook_loss"] == found["commitment_loss"] == 0
    assert found["loss"] == found["recon_loss"] > 0
    assert found["perplexity"] == pytest.approx(perplexity(model.encode(IMAGES)), rel=1e-5)


def test_weights_of_moving_averages_as_0_2_0_filed_them_are_read(tmp_path):
    model, other = (small(codebook="ema", started=started) for started in (True, False))
    model.save_weights(tmp_path / "of.weights.h5")
    with h5py.File(tmp_path / "of.weights.h5", "a") as file:
        file.move("layers/vector_quantizer_ema", "layers/vector_quantizer")
    other.load_weights(tmp_path / "of.weights.h5")
    for a, b in zip(other.quantizer.variables, model.quantizer.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    with h5py.File(tmp_path / "of.weights.h5", "a") as file:
        del file["layers/vector_quantizer"]
    with pytest.raises(ValueError, match="expected 5 variables, but received 0"):
        other.load_weights(tmp_path / "of.weights.h5")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codes": 8}, "codes: is the quantizer's own; give it to that layer"),
        ({"start": "kmeans"}, "start: is the quantizer's own"),
        ({"code_dim": 4}, "code_dim 4: the quantizer takes 3; leave it out"),
    ],
)
def test_what_a_given_quantiser_decides_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        VQVAE(quantizer=FiniteScalarQuantizer([8, 5, 5]), **options)


# The codebook ------------------------------------------------------------------------------


def test_a_step_moves_the_vectors_in_use_and_no_others():
    model = small(normalization="none")
    far = np.float32([[9.0]] * 4 + [[0.0]] * 4)  # four codes that nothing is near to
    model.quantizer.vectors.assign(model.quantizer.vectors + far)
    before, used = model.quantizer.vectors.numpy(), np.unique(model.encode(IMAGES))
    model.train_step(IMAGES)
    moved = np.flatnonzero((model.quantizer.vectors.numpy() != before).any(axis=1))
    assert 0 < len(used) < 8
    np.testing.assert_array_equal(moved, used)


def test_moving_averages_need_no_gradient_and_no_loss():
    model = small(codebook="ema")
    assert not [v for v in model.trainable_variables if "quantizer" in v.path]
    before = model.quantizer.vectors.numpy()
    model.train_step(IMAGES)
    assert (model.quantizer.vectors.numpy() != before).any()


def test_with_k_means_more_codes_are_used_in_the_first_epoch():
    used = {}
    for start in ("uniform", "kmeans"):
        model = small(started=False, start=start)
        model.run_eagerly = True
        used[start] = model.fit(IMAGES, batch_size=5, verbose=0).history["perplexity"][0]
    assert used["kmeans"] > used["uniform"] + 1


def test_k_means_starts_a_new_codebook_and_leaves_alone_one_that_has_started(monkeypatch, tmp_path):
    model, starts, start_from = small(started=False, start="kmeans"), [], VectorQuantizer.start_from

    def noted(self, z):
        starts.append(z.shape)
        start_from(self, z)

    monkeypatch.setattr(VectorQuantizer, "start_from", noted)
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES).batch(2)
    model.compile("adam", run_eagerly=True)
    model.fit(dataset, shuffle=False, verbose=0)
    assert starts == [(2, 4, 4, 8)]  # the first batch
    model.compile("adam", run_eagerly=True)  # a new optimiser is no new codebook
    model.fit(dataset, shuffle=False, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    other = small(started=False, start="kmeans")
    other.load_weights(tmp_path / "model.weights.h5")
    other.run_eagerly = True
    other.fit(dataset, shuffle=False, verbose=0)
    small(started=False).start_codebook(IMAGES)  # uniform
    assert len(starts) == 1


def test_a_k_means_start_that_can_see_no_image_says_so():
    model = small(started=False, start="kmeans")
    with pytest.raises(UserError, match="call start_codebook first"):
        model.before_training(None)


def test_a_model_without_an_optimiser_can_be_started_too():
    model = VQVAE(codes=8, filters=(4, 4, 8), start="kmeans")
    before = model.quantizer.vectors.numpy()
    model.start_codebook(IMAGES)
    assert (model.quantizer.vectors.numpy() != before).all(axis=1).any()


# Mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["uniform", "kmeans"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            IMAGES * 255,
            r"\(float32\) lie in .*takes floats in \[0, 1\]: divide 8-bit images by 255",
        ),
        (np.uint8(IMAGES * 255), r"values \(uint8\)"),
        (IMAGES[..., :1], r"images must have the shape \[B, any, any, 3\], got \[B, 16, 16, 1\]"),
        (IMAGES[:, :14], "both must be multiples of 4: got 14 x 16"),
    ],
)
def test_fit_names_what_is_wrong_with_the_first_batch(start, given, message):
    with pytest.raises(UserError, match=message):
        small(started=False, start=start).fit(given, verbose=0)


def test_too_few_different_vectors_for_k_means_are_named():
    with pytest.raises(UserError, match="cannot start from .* different vectors, it has 8: start"):
        small(started=False, start="kmeans").fit(np.zeros_like(IMAGES), verbose=0)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda model: model.encode(IMAGES[:, :14]), "multiples of 4: got 14 x 16"),
        (lambda model: model.reconstruct(IMAGES[..., :1]), r"\[B, any, any, 3\], got"),
        (lambda model: model.decode(np.zeros((2, 4), np.int32)), r"codes .* \[B, any, any\], got"),
    ],
)
def test_a_wrong_shape_is_refused_with_the_right_one(use, message):
    with pytest.raises(UserError, match=message):
        use(small(started=False))


def test_a_code_out_of_range_is_refused_with_the_range():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"codes must lie in 0 ... 7"):
        small(started=False).decode(np.full((1, 4, 4), 8))


@pytest.mark.parametrize("option", ["normalization", "codebook", "start"])
def test_unknown_choices_are_refused(option):
    with pytest.raises(ValueError, match=f"{option} 'x' is not one of"):
        VQVAE(codes=8, filters=(4, 4, 8), **{option: "x"})
