"""The codebook against NumPy loops, SciPy's k-means, and itself on two replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.cluster.vq import kmeans2

from tf_gen.errors import UserError
from tf_gen.layers import VectorQuantizer, VectorQuantizerEMA, vector_quantizer

CODES, WIDTH = 6, 3
RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(CODES, WIDTH)).astype(np.float32)
Z = RNG.normal(size=(2, 4, 5, WIDTH)).astype(np.float32)  # [B, h, w, D]
BATCHES = RNG.normal(size=(5, 8, WIDTH)).astype(np.float32)
STATE = ("vectors", "counts", "sums", "batches")


CLASSES = {"gradient": VectorQuantizer, "ema": VectorQuantizerEMA}


def make(codebook="gradient", vectors=VECTORS, **options):
    layer = CLASSES[codebook](len(vectors), **options)
    layer.build((None, vectors.shape[1]))
    layer.vectors.assign(vectors)
    return layer


def nearest(z, vectors):
    """By brute force: the code of each vector of z [..., D], in float64."""
    codes = np.zeros(z.shape[:-1], int)
    for i in np.ndindex(codes.shape):
        codes[i] = np.argmin([((z[i].astype(float) - e) ** 2).sum() for e in vectors])
    return codes


def state(layer):
    return {name: getattr(layer, name).numpy() for name in STATE if hasattr(layer, name)}


def assert_same(before, after):
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


# The nearest code ------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, WIDTH), (8, 5, WIDTH), Z.shape])
def test_every_vector_becomes_its_nearest_by_brute_force(shape):
    z = Z.reshape(shape)
    found = make()(z)
    expected = nearest(z, VECTORS)
    assert found["codes"].dtype == tf.int32 and len(np.unique(expected)) > 3
    np.testing.assert_array_equal(found["codes"], expected)
    np.testing.assert_allclose(found["quantized"], VECTORS[expected], atol=1e-6)


def test_it_works_in_a_graph_whose_shape_is_unknown():
    layer = make()
    spec = tf.TensorSpec([None, None, None, WIDTH])
    found = tf.function(lambda z: layer(z), input_signature=[spec])(Z)
    np.testing.assert_array_equal(found["codes"], nearest(Z, VECTORS))
    assert found["quantized"].shape == Z.shape


def test_under_bfloat16_the_nearest_is_exact_and_the_codebook_float32():
    # codes that differ by less than bfloat16 can tell
    rng = np.random.default_rng(1)
    vectors = (1 + 1e-3 * rng.normal(size=(64, 8))).astype(np.float32)
    layer = make(vectors=vectors, dtype="mixed_bfloat16")
    z = tf.cast(rng.normal(size=(50, 8)), tf.bfloat16)
    found = layer(z)
    np.testing.assert_array_equal(found["codes"], nearest(z.numpy().astype(float), vectors))
    assert layer.vectors.dtype == "float32" and found["quantized"].dtype == tf.bfloat16
    assert found["codebook_loss"].dtype == found["commitment_loss"].dtype == tf.float32
    assert layer.lookup([3]).dtype == tf.float32


def test_lookup_gives_the_vectors_of_codes():
    codes = np.array([[0, 5, 2], [2, 1, 0]])
    np.testing.assert_array_equal(make().lookup(codes), VECTORS[codes])


# Losses and gradients --------------------------------------------------------------------


def gradients_of(name, layer, weights=1.0):
    """The value of an output and its gradients: (value, by z, by the codebook)."""
    z = tf.constant(Z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = tf.reduce_sum(layer(z, training=True)[name] * weights)
    by_z, by_vectors = tape.gradient(value, [z, layer.vectors.value])
    return value, by_z, None if by_vectors is None else tf.convert_to_tensor(by_vectors)


def test_backwards_the_quantised_are_the_identity_and_spare_the_codebook():
    weights = np.random.default_rng(1).normal(size=Z.shape).astype(np.float32)
    _, by_z, by_vectors = gradients_of("quantized", make(), weights)
    np.testing.assert_array_equal(by_z, weights)
    assert by_vectors is None


@pytest.mark.parametrize("name", ["codebook_loss", "commitment_loss"])
def test_both_losses_are_the_mean_squared_distance(name):
    expected = ((Z - VECTORS[nearest(Z, VECTORS)]).astype(float) ** 2).mean()
    np.testing.assert_allclose(gradients_of(name, make())[0], expected, rtol=1e-5)


def test_the_codebook_loss_moves_the_codebook_alone():
    _, by_z, by_vectors = gradients_of("codebook_loss", make())
    expected = np.zeros_like(VECTORS)
    for z, code in zip(Z.reshape(-1, WIDTH), nearest(Z, VECTORS).ravel(), strict=True):
        expected[code] += 2 * (VECTORS[code] - z) / Z.size
    assert by_z is None
    np.testing.assert_allclose(by_vectors, expected, rtol=1e-4, atol=1e-6)


def test_the_commitment_loss_moves_the_inputs_alone():
    _, by_z, by_vectors = gradients_of("commitment_loss", make())
    expected = 2 * (Z - VECTORS[nearest(Z, VECTORS)]) / Z.size
    np.testing.assert_allclose(by_z, expected, rtol=1e-4, atol=1e-7)
    assert by_vectors is None


@pytest.mark.parametrize("codebook, expected", [("gradient", ["vectors"]), ("ema", [])])
def test_the_codebook_is_trainable_if_a_gradient_moves_it(codebook, expected):
    assert [v.name for v in make(codebook).trainable_variables] == expected


# Starts ----------------------------------------------------------------------------------


def started(z, codes=CODES, **options):
    layer = VectorQuantizer(codes, start="kmeans", **options)
    layer.build(z.shape)
    layer.start_from(z)
    return layer.vectors.numpy()


def test_the_uniform_start_lies_within_1_over_k_and_goes_by_the_seed():
    first, again, other = (VectorQuantizer(4, seed=s) for s in (0, 0, 1))
    for layer in (first, again, other):
        layer.build((None, 1000))
    uniform = stats.uniform(-0.25, 0.5)
    assert stats.kstest(first.vectors.numpy().ravel(), uniform.cdf).pvalue > 0.001
    assert np.abs(first.vectors.numpy()).max() <= 0.25
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert (first.vectors.numpy() != other.vectors.numpy()).any()


def start_and_choice(monkeypatch, z, **options):
    """The start on vectors [N, D], and the vectors that its k-means began with."""
    found = started(z, **options)
    monkeypatch.setattr(vector_quantizer, "KMEANS_ROUNDS", 0)
    return found, started(z, **options)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_kmeans_start_is_scipys_from_the_same_vectors(monkeypatch, seed):
    z = np.random.default_rng(1).normal(size=(100, WIDTH)).astype(np.float32)
    found, chosen = start_and_choice(monkeypatch, z, seed=seed)
    assert len(np.unique(chosen, axis=0)) == CODES
    assert all((z == row).all(1).any() for row in chosen)
    expected, _ = kmeans2(z.astype(float), chosen.astype(float), iter=10, minit="matrix")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_centre_that_loses_its_vectors_stays_where_it_was(monkeypatch):
    z = np.random.default_rng(1212).normal(size=(7, 2)).astype(np.float32)  # found by search
    found, chosen = start_and_choice(monkeypatch, z, codes=4)
    with pytest.warns(UserWarning, match="clusters is empty"):
        expected, _ = kmeans2(z.astype(float), chosen.astype(float), iter=10, minit="matrix")
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_start_takes_vectors_of_any_shape_and_type():
    z = np.random.default_rng(1).normal(size=(2, 5, 10, WIDTH))
    np.testing.assert_array_equal(started(tf.constant(z)), started(z.reshape(-1, WIDTH)))


def test_the_kmeans_start_goes_by_the_seed():
    z = np.random.default_rng(1).normal(size=(100, WIDTH)).astype(np.float32)
    np.testing.assert_array_equal(started(z), started(z))
    assert (started(z) != started(z, seed=1)).any()


def test_equal_vectors_start_one_code_only():
    corners = np.eye(WIDTH, dtype=np.float32)
    z = np.repeat(corners, [50, 1, 1], axis=0)
    np.testing.assert_array_equal(np.sort(started(z, codes=3), axis=0), np.sort(corners, axis=0))
    with pytest.raises(UserError, match="from 3 different vectors, it has 4: start it from"):
        started(z, codes=4)


# Moving averages -------------------------------------------------------------------------


def averaged(vectors, batches, decay):
    """The codebook, counts and sums after these batches, one vector at a time: averages from 0,
    divided by the weight that all batches have together."""
    vectors, weight = vectors.astype(float), 0.0
    all_counts, all_sums = np.zeros(len(vectors)), np.zeros(vectors.shape)
    for batch in batches:
        n, s = np.zeros(len(vectors)), np.zeros(vectors.shape)
        for z, code in zip(batch, nearest(batch, vectors), strict=True):
            n[code] += 1
            s[code] += z
        all_counts = decay * all_counts + (1 - decay) * n
        all_sums = decay * all_sums + (1 - decay) * s
        weight = decay * weight + (1 - decay)
        counts, sums = all_counts / weight, all_sums / weight
        for k in range(len(vectors)):
            if counts[k] > 1e-5:
                vectors[k] = sums[k] / counts[k]
    return vectors, counts, sums


@pytest.mark.parametrize("decay", [0.5, 0.9])
@pytest.mark.parametrize("batches", [1, 2, 5])
def test_moving_averages_are_those_of_a_loop(batches, decay):
    layer = make("ema", decay=decay)
    update = tf.function(lambda z: layer(z, training=True))
    for i in range(batches):
        before = layer.vectors.numpy()
        found = update(BATCHES[i])  # what is returned are the codes before the update
        np.testing.assert_allclose(found["quantized"], before[found["codes"]], atol=1e-6)
    expected = averaged(VECTORS, BATCHES[:batches], decay)
    for name, value in zip(STATE, expected, strict=False):
        np.testing.assert_allclose(getattr(layer, name), value, rtol=1e-4, atol=1e-5)
    assert int(layer.batches) == batches


def test_codes_unused_for_long_stay_where_they_were():
    layer = make("ema", decay=0.5, vectors=np.array([[0.0], [10.0], [99.0]], np.float32))
    layer(np.array([[1.0], [11.0], [12.0]], np.float32), training=True)
    np.testing.assert_allclose(layer.vectors, [[1], [11.5], [99]])
    update = tf.function(lambda z: layer(z, training=True))
    for _ in range(200):
        update(tf.constant([[2.0]]))
    np.testing.assert_allclose(layer.vectors, [[2], [11.5], [99]], rtol=1e-4)


# Restarts --------------------------------------------------------------------------------

FAR = np.concatenate([VECTORS[:3], VECTORS[3:] + 100]).astype(np.float32)  # three never used


@pytest.mark.parametrize("codebook", ["gradient", "ema"])
def test_dead_codes_become_vectors_of_the_batch_and_live_ones_stay(codebook):
    restarting, plain = (make(codebook, vectors=FAR, restart_below=b) for b in (0.5, 0.0))
    z = BATCHES[0]
    used = np.bincount(nearest(z, FAR), minlength=CODES) > 0
    assert used.sum() == 3
    for layer in (restarting, plain):
        layer(z, training=True)
    np.testing.assert_array_equal(restarting.vectors.numpy()[used], plain.vectors.numpy()[used])
    fresh = restarting.vectors.numpy()[~used]
    assert all((z == row).all(1).any() for row in fresh) and len(np.unique(fresh, axis=0)) > 1
    np.testing.assert_array_equal(restarting.counts.numpy()[~used], [0.5] * 3)
    np.testing.assert_array_equal(plain.vectors.numpy()[~used], FAR[~used])


def test_dead_codes_become_vectors_of_the_batch_however_it_is_shared_out(two_replicas):
    z = BATCHES[0]
    with two_replicas.scope():
        layer = make("ema", vectors=FAR, restart_below=0.5)
    shares = two_replicas.experimental_distribute_values_from_function(
        lambda context: tf.constant((z[:-5], z[-5:])[context.replica_id_in_sync_group])
    )
    two_replicas.run(tf.function(lambda share: layer(share, training=True)["codes"]), (shares,))
    for copy in layer.vectors.value.values:
        fresh = copy.numpy()[3:]
        assert all((z == row).all(1).any() for row in fresh) and len(np.unique(fresh, axis=0)) > 1


@pytest.mark.parametrize("codebook", ["gradient", "ema"])
def test_restarts_go_by_the_seed_and_differ_from_batch_to_batch(codebook):
    def restarted(seed, before=0):
        layer = make(codebook, vectors=FAR, restart_below=0.5, seed=seed)
        layer.batches.assign(before)
        layer(BATCHES[0], training=True)
        return layer.vectors.numpy()

    np.testing.assert_array_equal(restarted(0), restarted(0))
    assert (restarted(0)[3:] != restarted(1)[3:]).any()
    assert (restarted(0)[3:] != restarted(0, before=1)[3:]).any()


@pytest.mark.parametrize("codebook", ["gradient", "ema"])
def test_a_code_dies_when_its_moving_count_falls_below_the_bound(codebook):
    layer = make(
        codebook, decay=0.5, restart_below=0.6, vectors=np.array([[0.0], [10.0]], np.float32)
    )
    layer(np.array([[0.0], [10.0], [10.0], [10.0], [10.0]], np.float32), training=True)
    counts = []
    for _ in range(4):  # without the second code: 4 / 3, then 4 / 7 < 0.6
        layer(np.zeros((1, 1), np.float32), training=True)
        counts.append(float(layer.counts[1]))
        np.testing.assert_allclose(layer.vectors[1], [10.0 if len(counts) < 2 else 0.0])
    np.testing.assert_allclose(counts, [4 / 3, 0.6, 0.6, 0.6])


@pytest.mark.parametrize("start", ["uniform", "kmeans"])
def test_all_batches_so_far_weigh_the_same_at_first(start):
    layer = make("ema", start=start)
    if start == "kmeans":
        layer.start_from(np.concatenate(BATCHES))
    found = [layer(batch, training=True)["codes"] for batch in BATCHES]
    counts = np.bincount(np.concatenate(found), minlength=CODES) / len(BATCHES)
    np.testing.assert_allclose(layer.counts, counts, atol=0.04)  # 0.99 is not 1


def test_a_restarted_code_counts_as_much_as_the_bound_and_fades_as_the_others_do():
    layer = make("gradient", decay=0.5, restart_below=0.5, vectors=np.array([[0.0], [1e3]], "f"))
    zeros = np.zeros((4, 1), np.float32)
    layer(zeros, training=True)
    np.testing.assert_allclose(layer.counts, [4, 0.5])  # restarted
    layer.vectors.assign([[0.0], [1e3]])
    layer.restart_below = 0.01
    layer(zeros, training=True)  # (0.5 * 0.5 * 0.5) / (1 - 0.5^2)
    np.testing.assert_allclose(layer.counts, [4, 0.5 / 3], rtol=1e-6)


def test_a_restarted_code_carries_on_from_its_new_place():
    layer = make("ema", decay=0.5, restart_below=0.5, vectors=FAR)
    layer(BATCHES[0], training=True)
    fresh = layer.vectors.numpy()
    np.testing.assert_allclose(
        layer.sums, fresh * layer.counts.numpy()[:, None], rtol=1e-5, atol=1e-6
    )


# When nothing moves ----------------------------------------------------------------------


@pytest.mark.parametrize("codebook", ["gradient", "ema"])
@pytest.mark.parametrize("restart_below", [0.0, 0.5])
def test_nothing_moves_outside_of_training(codebook, restart_below):
    layer = make(codebook, restart_below=restart_below)
    layer(BATCHES[0], training=True)
    before = state(layer)
    layer(BATCHES[1])
    layer(BATCHES[1], training=False)
    assert_same(before, state(layer))


def test_a_codebook_of_gradients_moves_by_nothing_else():
    layer = make("gradient")
    before = state(layer)
    layer(Z, training=True)
    assert_same(before, state(layer))


# Configuration ---------------------------------------------------------------------------


def test_it_serialises():
    layer = make(
        "ema", decay=0.8, start="kmeans", restart_below=0.3, seed=5, dtype="mixed_bfloat16"
    )
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is VectorQuantizerEMA and copy.get_config() == layer.get_config()
    asked = {"codes": 6, "decay": 0.8, "start": "kmeans", "seed": 5, "restart_below": 0.3}
    assert {**layer.get_config(), **asked} == layer.get_config()


@pytest.mark.parametrize("codebook", CLASSES)
def test_what_0_2_0_wrote_of_a_codebook_becomes_the_class_for_it(codebook):
    written = keras.saving.serialize_keras_object(VectorQuantizer(6, decay=0.8))
    written["config"]["codebook"] = codebook
    del written["config"]["estimator"]
    found = keras.saving.deserialize_keras_object(written)
    assert type(found) is CLASSES[codebook] and (found.codes, found.decay) == (6, 0.8)


def test_the_class_for_moving_averages_is_named_to_who_asks_for_them_by_an_argument():
    assert VectorQuantizer(codebook="gradient").codes == 512
    with pytest.raises(UserError, match="by gradients alone: take VectorQuantizerEMA"):
        VectorQuantizer(codebook="ema")


@pytest.mark.parametrize("option", ["estimator", "start"])
def test_unknown_choices_are_refused(option):
    with pytest.raises(ValueError, match=f"{option} 'x' is not one of"):
        VectorQuantizer(**{option: "x"})


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_that_gives_no_average_is_refused(decay):
    with pytest.raises(ValueError, match=r"decay must lie in \[0, 1\), got"):
        VectorQuantizer(decay=decay)


# Two replicas ----------------------------------------------------------------------------

KINDS = {"ema": ("ema", 0.0), "ema_restarts": ("ema", 0.6), "gradient_restarts": ("gradient", 0.6)}


@pytest.fixture(scope="module")
def on_two(two_replicas, halved):
    """What two replicas hold after each batch: {"kind batch name": value}."""
    found = {}
    for kind, (codebook, bound) in KINDS.items():
        with two_replicas.scope():
            layer = CLASSES[codebook](12, decay=0.9, restart_below=bound)
            layer.build((None, WIDTH))

        @tf.function
        def step(halves, layer=layer):
            return two_replicas.run(lambda z: layer(z, training=True)["codes"], [halves])

        for i, batch in enumerate(BATCHES):
            codes = step(halved(batch))
            found[f"{kind} {i} codes"] = np.concatenate(codes.values)
            for name in STATE:
                if hasattr(layer, name):
                    copies = getattr(layer, name).value.values
                    found[f"{kind} {i} {name}"] = np.stack(copies)
    return found


def assert_as_one_device(on_two, kind):
    codebook, bound = KINDS[kind]
    layer = CLASSES[codebook](12, decay=0.9, restart_below=bound)
    layer.build((None, WIDTH))
    for i, batch in enumerate(BATCHES):
        codes = layer(batch, training=True)["codes"]
        np.testing.assert_array_equal(on_two[f"{kind} {i} codes"], codes)
        for name, value in state(layer).items():
            np.testing.assert_allclose(on_two[f"{kind} {i} {name}"][0], value, atol=1e-6)


def test_averages_of_two_replicas_are_those_of_one_with_the_whole_batch(on_two):
    assert_as_one_device(on_two, "ema")


@pytest.mark.parametrize("kind", ["ema_restarts", "gradient_restarts"])
def test_restarts_of_two_replicas_are_those_of_one_with_the_whole_batch(on_two, kind):
    assert_as_one_device(on_two, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_both_replicas_hold_the_same_codebook(on_two, kind):
    for name in [key for key in on_two if key.startswith(kind) and "codes" not in key]:
        first, second = on_two[name]
        np.testing.assert_array_equal(first, second)


def test_restarted_codes_of_two_replicas_are_vectors_of_the_batch(on_two):
    used = np.unique(on_two["gradient_restarts 0 codes"])
    fresh = np.delete(on_two["gradient_restarts 0 vectors"][0], used, axis=0)
    assert len(fresh) > 3
    assert all((BATCHES[0] == row).all(1).any() for row in fresh)
