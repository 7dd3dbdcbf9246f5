"""The loop: Keras' callback protocol, stopping, going on, and values that are not finite."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gen import VAE, VQVAE
from tf_gen.errors import NotFiniteError, UserError
from tf_gen.training.loop import train


class Recorder(keras.callbacks.Callback):
    """Writes down every call that it gets."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append("begin")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"epoch {epoch}")

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(batch)
        self.logs = logs

    def on_test_begin(self, logs=None):
        self.calls.append("validation")

    def on_test_end(self, logs=None):
        self.calls.append(sorted(logs))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append("end of epoch")
        self.epoch_logs = logs

    def on_train_end(self, logs=None):
        self.calls.append("end")


IMAGES = np.random.default_rng(0).random((8, 8, 8, 3), np.float32)


def make_batches(first, last):  # four steps of two images in an epoch
    return (
        tf.data.Dataset.from_tensor_slices(IMAGES).batch(2).repeat().skip(first).take(last - first)
    )


def make_model(model_class=VAE, **options):
    """A compiled, built model, always the same."""
    keras.utils.set_random_seed(0)
    model = model_class(filters=(2, 4), **(options or {"image_size": 8, "latent_dim": 2}))
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture(scope="module")
def whole():
    """What was recorded of one epoch, with each step's logs (``losses``)."""
    recorder, losses = Recorder(), []
    collect = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: losses.append(logs["recon_loss"])
    )
    train(
        make_model(), make_batches, steps_per_epoch=4, total_steps=4,
        callbacks=[collect, recorder], validate=lambda: {"val_l1": 0.5},
    )  # fmt: skip
    recorder.losses = losses
    return recorder


def test_it_makes_the_calls_of_fit():
    ours, keras_own = Recorder(), Recorder()
    model = make_model()
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES).batch(2)

    def validate():
        found = model.evaluate(dataset, verbose=0, return_dict=True)
        return {f"val_{name}": value for name, value in found.items()}

    reached = train(
        model, make_batches, steps_per_epoch=4, total_steps=8, callbacks=[ours], validate=validate
    )
    model.fit(
        dataset, epochs=2, shuffle=False, verbose=0, callbacks=[keras_own], validation_data=dataset
    )
    assert ours.calls == keras_own.calls and reached == 8
    assert set(ours.logs) - set(keras_own.logs) == {"step_seconds"}


def test_a_run_may_begin_and_end_within_an_epoch():
    recorder = Recorder()
    train(
        make_model(), make_batches, steps_per_epoch=4, first_step=3, total_steps=6,
        callbacks=[recorder],
    )  # fmt: skip
    assert recorder.calls == ["begin", "epoch 0", 3, "end of epoch", "epoch 1", 0, 1,
                              "end of epoch", "end"]  # fmt: skip


def test_epoch_logs_are_means_beside_the_validation_figures(whole):
    np.testing.assert_allclose(whole.epoch_logs["recon_loss"], np.mean(whole.losses), rtol=1e-6)
    assert whole.epoch_logs["val_l1"] == 0.5 and len(set(whole.losses)) == 4


@pytest.mark.parametrize("holds", ["metrics", "logs"])
def test_means_of_an_epoch_that_was_gone_on_with_are_those_of_the_whole_epoch(holds, whole):
    parts, recorder, kept = make_model(), Recorder(), []
    collect = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: kept.append(dict(logs))
    )
    train(parts, make_batches, steps_per_epoch=4, total_steps=3, callbacks=[collect])
    for log in kept:
        del log["step_seconds"]
    if holds == "logs":
        parts.reset_metrics()
    train(
        parts, make_batches, steps_per_epoch=4, first_step=3, total_steps=4,
        earlier_logs=kept if holds == "logs" else (), callbacks=[recorder],
        validate=lambda: {"val_l1": 0.5},
    )  # fmt: skip
    assert recorder.epoch_logs == pytest.approx(whole.epoch_logs, rel=1e-6)


def test_an_epochs_end_that_is_owed_has_the_figures_of_the_models_metrics():
    model, whole, owed = make_model(), Recorder(), Recorder()
    train(model, make_batches, steps_per_epoch=4, total_steps=4, callbacks=[whole])
    train(
        model, make_batches, steps_per_epoch=4, first_step=4, total_steps=4, owes_epoch_end=True,
        callbacks=[owed], validate=lambda: {"val_l1": 0.5},
    )  # fmt: skip
    assert owed.calls == ["begin", "epoch 0", "validation", ["l1"], "end of epoch", "end"]
    assert owed.epoch_logs == {**whole.epoch_logs, "val_l1": 0.5}


def test_logs_read_every_few_steps_are_their_means_and_change_nothing():
    read_each, read_seldom = make_model(), make_model()
    each, seldom, singles, means = Recorder(), Recorder(), [], []

    def collect(found):
        return keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: found.append(logs["recon_loss"])
        )

    spans = {"steps_per_epoch": 4, "total_steps": 6}
    train(read_each, make_batches, **spans, callbacks=[each, collect(singles)])
    train(read_seldom, make_batches, **spans, callbacks=[seldom, collect(means)], log_every=3)
    assert seldom.calls == ["begin", "epoch 0", 2, 3, "end of epoch", "epoch 1", 1,
                            "end of epoch", "end"]  # fmt: skip
    np.testing.assert_allclose(means, [np.mean(singles[:3]), singles[3], np.mean(singles[4:])])
    assert seldom.epoch_logs == each.epoch_logs
    for a, b in zip(read_each.variables, read_seldom.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_metrics_of_the_model_go_on_and_validation_leaves_them_alone():
    def epoch_logs(*ends):
        model, recorder = make_model(VQVAE, codes=4), Recorder()
        for first, last in itertools.pairwise([0, *ends]):
            train(
                model, make_batches, steps_per_epoch=4, first_step=first, total_steps=last,
                callbacks=[recorder], validate=lambda: model.evaluate(IMAGES, verbose=0) and {},
            )  # fmt: skip
        return recorder.epoch_logs

    assert epoch_logs(2, 4) == epoch_logs(4)


def test_a_callback_can_stop_it_after_a_step():
    model, recorder = make_model(), Recorder()

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    reached = train(
        model, make_batches, steps_per_epoch=4, total_steps=8, callbacks=[Stop(), recorder]
    )
    assert reached == 2 and recorder.calls[-2:] == [1, "end"]


def test_keras_own_callbacks_watch_it_as_they_watch_fit(tmp_path):
    model = make_model()
    callbacks = [
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="val_l1", mode="min"),
        keras.callbacks.EarlyStopping(monitor="val_l1", mode="min", patience=1),
        keras.callbacks.TerminateOnNaN(),
    ]
    reached = train(
        model, make_batches, steps_per_epoch=4, total_steps=16, callbacks=callbacks,
        validate=lambda: {"val_l1": 0.5},
    )  # fmt: skip
    assert reached == 8  # no better after two epochs
    assert (tmp_path / "log.csv").read_text().count("\n") == 3
    loaded = keras.saving.load_model(tmp_path / "best.keras")
    for a, b in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_callback_that_sets_the_learning_rate_reaches_the_generators_alone(make_pix2pix, pairs):
    def make_batches(first, last):
        return tf.data.Dataset.from_tensor_slices(pairs).batch(2)

    model = make_pix2pix()
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-5)
    train(model, make_batches, steps_per_epoch=4, total_steps=4, callbacks=[schedule])
    rates = model.optimizer.learning_rate, model.discriminator_optimizer.learning_rate
    np.testing.assert_allclose(rates, [1e-5, 2e-4], rtol=1e-6)


def test_compiled_by_xla_it_trains_as_without_and_names_a_step_that_is_not_finite(
    make_pix2pix, pairs
):
    broken = np.array(pairs[0])
    broken[4] = np.nan  # in the third step of two pairs

    def make_batches(first, last):
        return tf.data.Dataset.from_tensor_slices((broken, pairs[1])).batch(2)

    logs, models = [], [make_pix2pix(), make_pix2pix()]
    for model, jit_compile in zip(models, (False, True), strict=True):
        model.jit_compile, recorder = jit_compile, Recorder()
        options = {"steps_per_epoch": 2, "total_steps": 4, "callbacks": [recorder], "log_every": 4}
        with pytest.raises(NotFiniteError, match="step 3: generator_loss or a gradient is not fin"):
            train(model, make_batches, **options)
        logs.append(recorder.epoch_logs)
    for name in logs[0].keys() - {"step_seconds"}:
        np.testing.assert_allclose(logs[1][name], logs[0][name], rtol=1e-3, err_msg=name)
    assert [int(model.optimizer.iterations) for model in models] == [3, 3]  # all but the broken


def test_values_out_of_range_are_named_before_training(make_pix2pix, pairs):
    dataset = tf.data.Dataset.from_tensors((pairs[0] * 255, pairs[1]))
    with pytest.raises(UserError, match="divide 8-bit images by 127.5"):
        train(make_pix2pix(), lambda a, b: dataset, steps_per_epoch=1, total_steps=1)
