"""FusedAdam against Keras' own Adam; gradients scaled, shared out and looked at."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.optimizers import SGD, LossScaleOptimizer

from tf_gen.optimizers import FiniteStep, FusedAdam, scale_for_gradient, step_counter


def train(optimizer_class, steps=100, dtype="float32", **options):
    rng = np.random.default_rng(0)
    variables = [keras.Variable(rng.normal(size=shape), dtype=dtype) for shape in [(7, 5), (5,)]]
    optimizer = optimizer_class(1e-2, beta_1=0.5, **options)
    optimizer.build(variables)

    @tf.function
    def step(*gradients):
        optimizer.apply(list(gradients), variables)

    for _ in range(steps):
        step(*[tf.constant(rng.normal(size=v.shape), dtype) for v in variables])
    return [v.numpy() for v in variables], [v.numpy() for v in optimizer.variables]


@pytest.mark.parametrize(
    "options", [{}, {"clipnorm": 0.5}, {"weight_decay": 0.01}, {"amsgrad": True}, {"use_ema": True}]
)
def test_a_hundred_steps_equal_those_of_keras_to_rounding(options):
    ours, keras_own = train(FusedAdam, **options), train(keras.optimizers.Adam, **options)
    for found, expected in zip(ours[0] + ours[1], keras_own[0] + keras_own[1], strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_variables_of_another_type_than_float32_are_updated_as_by_keras(dtype):
    # float16 takes an epsilon of 1e-7 for 0, bfloat16 a beta_2 of 0.999 for 1
    options = {"dtype": dtype, "steps": 3, "epsilon": 1e-3, "beta_2": 0.9}
    ours, keras_own = train(FusedAdam, **options), train(keras.optimizers.Adam, **options)
    start, _ = train(FusedAdam, **{**options, "steps": 0})
    assert all((a != b).any() for a, b in zip(ours[0], start, strict=True))
    for found, expected in zip(ours[0] + ours[1], keras_own[0] + keras_own[1], strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_averages_that_warm_up_reach_back_over_a_tenth_of_the_steps(jit_compile):
    weights = keras.Variable([1.0, -2.0])
    optimizer = FusedAdam(0.3, use_ema=True, ema_momentum=0.5, ema_warmup=True)
    optimizer.build([weights])
    (average,) = (v for v in optimizer.variables if "average" in v.path)
    step = tf.function(lambda g: optimizer.apply([g], [weights]), jit_compile=jit_compile)
    expected = 0.0
    for taken in range(30):
        step(weights.value * 1.5)
        old = min(0.5, taken / (taken + 9))
        expected = old * expected + (1 - old) * weights.numpy()
        np.testing.assert_allclose(average.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_averages_that_warm_up_go_by_steps_where_gradients_are_accumulated():
    weights = keras.Variable([1.0, -2.0])
    options = {"use_ema": True, "ema_momentum": 0.99, "ema_warmup": True}
    optimizer = FusedAdam(0.3, gradient_accumulation_steps=2, **options)
    optimizer.build([weights])
    (average,) = (v for v in optimizer.variables if "average" in v.path)
    expected = 0.0
    for taken in range(8):
        optimizer.apply([weights.value * 1.5], [weights])
        old = taken / (taken + 9)
        expected = old * expected + (1 - old) * weights.numpy()
        np.testing.assert_allclose(average, expected, rtol=1e-5)


def test_it_serialises():
    optimizer = FusedAdam(1e-3, beta_1=0.5, use_ema=True, ema_warmup=True)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert isinstance(copy, FusedAdam) and copy.get_config() == optimizer.get_config()


@pytest.mark.parametrize("make, scale", [(SGD, 1), (lambda: LossScaleOptimizer(SGD(), 64), 64)])
def test_the_loss_is_scaled_if_the_optimiser_does_so(make, scale):
    optimizer = make()
    optimizer.build([keras.Variable([1.0])])
    assert float(scale_for_gradient(optimizer, tf.constant(3.0))) == 3 * scale


class Painter:
    """Two weights, at first (1, 1) and (1,), an average, at first 5, and their step in a graph."""

    def __init__(self, optimizer, jit_compile=False):
        self.optimizer, self.jit_compile = optimizer, jit_compile
        self.weights = [keras.Variable(np.ones(n, np.float32)) for n in (2, 1)]
        self.average = keras.Variable(5.0, trainable=False)
        self.non_trainable_variables = [self.average]
        self.optimizer.build(self.weights)
        self._step = tf.function(self._step, jit_compile=jit_compile or None)

    def _step(self, loss, gradients, at_once):
        update = FiniteStep(self)
        self.average.assign(self.average * 2.0)
        loss = update("painter", self.optimizer, loss, gradients, self.weights, at_once)
        update.end()
        return loss

    def step(self, loss=1.0, first=(2.0, 4.0), second=(8.0,), at_once=False):
        return self._step(tf.constant(loss), [tf.constant(first), tf.constant(second)], at_once)

    @property
    def values(self):
        return [w.numpy().tolist() for w in (*self.weights, self.average)]


compiled_or_not = pytest.mark.parametrize("jit_compile", [False, True])


@compiled_or_not
@pytest.mark.parametrize("make", [lambda: SGD(0.5), lambda: LossScaleOptimizer(SGD(64 * 0.5), 64)])
def test_a_finite_step_is_taken(make, jit_compile):
    painter = Painter(make(), jit_compile)
    assert painter.step() == 1.0  # the loss
    assert painter.values == [[0, -1], [-3], 10] and int(painter.optimizer.iterations) == 1


PAIRS = [  # each choice of one beside each of another
    ("loss", np.nan, False, False), ("loss", np.inf, True, False), ("loss", -np.inf, False, True),
    ("first", np.nan, True, True), ("first", np.inf, False, True), ("first", -np.inf, True, False),
    ("second", np.nan, False, True), ("second", np.inf, True, False),
    ("second", -np.inf, False, False),
]  # fmt: skip
EVERY = itertools.product(
    ("loss", "first", "second"), (np.nan, np.inf, -np.inf), (False, True), (False, True)
)


@pytest.mark.parametrize(
    ("where", "bad", "at_once", "jit_compile"),
    [pytest.param(*case, marks=[pytest.mark.slow] * (case not in PAIRS)) for case in EVERY],
)
def test_a_step_that_is_not_finite_gives_nan_and_changes_nothing(where, bad, at_once, jit_compile):
    painter = Painter(FusedAdam(0.5), jit_compile)
    painter.step()
    before = painter.values, [v.numpy().tolist() for v in painter.optimizer.variables]
    value = {"loss": bad, "first": (2.0, bad), "second": (bad,)}[where]
    assert np.isnan(painter.step(**{where: value}, at_once=at_once))
    assert (painter.values, [v.numpy().tolist() for v in painter.optimizer.variables]) == before
    assert np.isfinite(painter.step()) and painter.values[0] != before[0][0]


@compiled_or_not
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_loss_scaling_skips_a_gradient_that_is_not_finite_and_counts_the_step(bad, jit_compile):
    painter = Painter(LossScaleOptimizer(SGD(0.5), initial_scale=64.0), jit_compile)
    assert painter.step(first=(2.0, bad)) == 1.0
    assert painter.values == [[1, 1], [1], 10] and float(painter.optimizer.dynamic_scale) == 32
    assert int(step_counter(painter.optimizer)) == 1 and int(painter.optimizer.iterations) == 0
    assert np.isnan(painter.step(loss=bad))  # a loss is not scaled: nothing cures it
    assert painter.values == [[1, 1], [1], 10] and float(painter.optimizer.dynamic_scale) == 32


@compiled_or_not
@pytest.mark.parametrize(
    "options", [{"gradient_accumulation_steps": 2}, {"use_ema": True, "ema_momentum": 0.5}]
)
def test_after_a_step_that_loss_scaling_skips_all_goes_on_as_with_keras_alone(options, jit_compile):
    optimizers = [LossScaleOptimizer(FusedAdam(0.5, **options), 1.0) for _ in range(2)]
    ours, plain = Painter(optimizers[0], jit_compile), [tf.Variable(w) for w in ([1.0, 1.0], [1.0])]
    for first in ([np.inf, 1.0], [2.0, 4.0], [1.0, np.nan], [3.0, 1.0], [1.0, 2.0], [2.0, 5.0]):
        ours.step(first=first)
        optimizers[1].apply([tf.constant(first), tf.constant([8.0])], plain)
    assert int(step_counter(optimizers[0])) == 6 and int(optimizers[0].iterations) in (2, 4)
    for a, b in zip(optimizers[0].inner_optimizer.variables,
                    optimizers[1].inner_optimizer.variables, strict=True):  # fmt: skip
        np.testing.assert_allclose(a, b, rtol=1e-6, err_msg=a.path)
    np.testing.assert_allclose(ours.weights[0], plain[0], rtol=1e-6)


@pytest.mark.parametrize("replica", [0, 1])
def test_an_overflow_on_any_replica_is_skipped_on_all(two_replicas, replica):
    with two_replicas.scope():
        painter = Painter(LossScaleOptimizer(SGD(0.5), initial_scale=64.0))

    @tf.function
    def step():
        here = tf.distribute.get_replica_context().replica_id_in_sync_group
        first = tf.where(here == replica, [2.0, np.inf], [2.0, 4.0])
        update = FiniteStep(painter)
        update("painter", painter.optimizer, 1.0, [first, tf.constant([8.0])], painter.weights)
        update.end()

    two_replicas.run(step)
    for weights in painter.weights:
        np.testing.assert_array_equal(weights.value.values, np.ones((2, *weights.shape)))
    assert [float(v) for v in painter.optimizer.dynamic_scale.value.values] == [32, 32]


@pytest.mark.parametrize("bad", [False, True])
def test_the_gradient_of_gathered_rows_is_looked_at_too(bad):
    painter, rows = Painter(SGD(1.0)), keras.Variable(np.ones((3, 2), np.float32))
    optimizer = SGD(1.0)
    optimizer.build([rows])

    @tf.function
    def step(factor):
        update = FiniteStep(painter)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(rows.value, [0, 2, 2]) * factor)
        update("painter", optimizer, 0.0, tape.gradient(loss, [rows]), [rows])
        update.end()

    step(tf.constant(np.inf if bad else 0.25))
    expected = np.ones((3, 2)) if bad else [[0.75, 0.75], [1, 1], [0.5, 0.5]]
    np.testing.assert_array_equal(rows, expected)


class Line:
    """Five weights of a linear model, and its step on rows of five inputs and what to predict."""

    jit_compile, non_trainable_variables = False, ()

    def __init__(self, optimizer):
        self.weights = keras.Variable([1.0, 2.0, 3.0, 4.0, 5.0])
        self.optimizer = optimizer
        self.optimizer.build([self.weights])

    def step(self, batch):
        with tf.GradientTape() as tape:
            errors = tf.linalg.matvec(batch[:, :5], self.weights) - batch[:, 5]
            loss = tf.reduce_mean(errors**2)
            scaled = scale_for_gradient(self.optimizer, loss)
        gradients = tape.gradient(scaled, [self.weights])
        update = FiniteStep(self)
        update("line", self.optimizer, loss, gradients, [self.weights])
        update.end()


@pytest.mark.parametrize(
    "make", [lambda: SGD(0.1), lambda: LossScaleOptimizer(SGD(0.1)), lambda: FusedAdam(0.1)]
)
def test_two_replicas_with_half_the_batch_each_step_as_one_with_all_of_it(
    make, two_replicas, halved
):
    def assert_same():
        for copy in shared.weights.value.values:
            np.testing.assert_allclose(copy, alone.weights, rtol=1e-5)

    batches = np.random.default_rng(0).normal(size=(3, 8, 6)).astype(np.float32)
    alone = Line(make())
    with two_replicas.scope():
        shared = Line(make())
    step = tf.function(lambda halves: two_replicas.run(shared.step, [halves]) and None)
    for batch in batches:
        alone.step(tf.constant(batch))
        step(halved(batch))
    assert abs(alone.weights.numpy() - np.arange(1, 6)).min() > 0.01
    assert_same()
    with pytest.raises(tf.errors.InvalidArgumentError, match="the line's loss or gradient"):
        two_replicas.run(shared.step, [tf.constant(batches[0] * np.nan)])
    assert_same()
