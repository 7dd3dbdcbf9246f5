"""Checkpoints hold all of a run, and only the newest two are kept."""

import json
import resource
import shutil

import keras
import numpy as np
import pytest

from tf_gen import UNetGenerator
from tf_gen.errors import UserError
from tf_gen.optimizers import FusedAdam, step_counter
from tf_gen.training.checkpoints import (
    Checkpoints,
    MetricVariables,
    copy_weights,
    newest_step,
    patience_ends,
    read_networks,
)
from tf_gen.training.schedules import LinearDecay


def checkpoints_of(model, folder, metrics=None, **options):
    parts = {
        "generator": model.generator,
        "discriminator": model.discriminator,
        "generator_optimizer": model.optimizer,
        "discriminator_optimizer": model.discriminator_optimizer,
    }
    if metrics:
        parts["metrics"] = metrics
    checkpoints = Checkpoints(folder, parts, step=step_counter(model.optimizer), **options)
    checkpoints.set_params({"steps": 100})
    return checkpoints


def state(model):
    optimizers = (model.optimizer, model.discriminator_optimizer)
    networks = model.generator.variables + model.discriminator.variables
    variables = networks + [v for optimizer in optimizers for v in optimizer.variables]
    return [v.numpy() for v in variables if "seed_generator" not in v.path]


def take_steps(model, pairs, count):
    for i in range(count):
        model.train_step((pairs[0][i : i + 2], pairs[1][i : i + 2]))


class Counters:
    def __init__(self, dtype, value):
        self.variables = [keras.Variable(v, dtype=dtype) for v in (value, 2 * value)]


def test_counters_that_an_earlier_version_stored_as_int32_are_read(tmp_path):
    earlier, now = Counters("int32", 7), Counters("int64", 0)
    step = keras.Variable(3, dtype="int64")
    for counters, method in ((earlier, "save"), (now, "restore")):
        checkpoints = Checkpoints(tmp_path, {"counters": counters}, step=step)
        getattr(checkpoints, method)()
    assert [int(v) for v in now.variables] == [7, 14]
    assert {v.dtype for v in now.variables} == {"int64"}


def test_a_checkpoint_gives_back_weights_moments_and_steps(make_pix2pix, pairs, tmp_path):
    saved, loaded = make_pix2pix(), make_pix2pix()
    take_steps(saved, pairs, 3)
    checkpoints_of(saved, tmp_path).save()
    take_steps(loaded, pairs, 1)
    assert checkpoints_of(loaded, tmp_path).restore() == 3 == newest_step(tmp_path)
    moments = [v for v in loaded.optimizer.variables if "velocity" in v.path]
    assert moments and any(np.abs(v.numpy()).max() > 0 for v in moments)
    for a, b in zip(state(saved), state(loaded), strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_a_checkpoint_a_run_begins_at_step_0(make_pix2pix, tmp_path):
    assert checkpoints_of(make_pix2pix(), tmp_path).restore() == 0 == newest_step(tmp_path)


def test_the_newest_two_are_kept_and_one_of_a_finished_run(make_pix2pix, pairs, tmp_path):
    model = make_pix2pix()
    checkpoints = checkpoints_of(model, tmp_path, steps=1)
    for _ in range(4):
        take_steps(model, pairs, 1)
        checkpoints.on_train_batch_end(0)
    assert sorted(path.name for path in tmp_path.glob("*.index")) == [
        "step-3.index",
        "step-4.index",
    ]
    checkpoints.keep_newest()
    assert [path.name for path in tmp_path.glob("*.index")] == ["step-4.index"]
    assert checkpoints_of(make_pix2pix(), tmp_path).restore() == 4


def test_time_alone_makes_one_due(make_pix2pix, tmp_path):
    checkpoints_of(make_pix2pix(), tmp_path, minutes=60).on_train_batch_end(0)
    assert newest_step(tmp_path) == 0 and not list(tmp_path.glob("*.index"))
    checkpoints_of(make_pix2pix(), tmp_path, minutes=1e-9).on_train_batch_end(0)
    assert list(tmp_path.glob("*.index"))


def test_training_stops_when_so_many_epochs_were_no_better(make_pix2pix, tmp_path):
    model, stopped = make_pix2pix(), []
    checkpoints = checkpoints_of(model, tmp_path, best=model.generator, by="val_l1", patience=2)
    checkpoints.set_model(model)
    for epoch, value in enumerate([0.5, 0.3, 0.4, 0.2, 0.2, 0.3]):
        model.stop_training = False
        checkpoints.on_epoch_end(epoch, {"val_l1": value})
        stopped.append(model.stop_training)
    assert stopped == [False] * 5 + [True]  # the best is the fourth
    assert patience_ends(tmp_path, 2, 6.0) and not patience_ends(tmp_path, 2, 5.9)
    assert not patience_ends(tmp_path, None, 99) and not patience_ends(tmp_path / "new", 1, 99)


def test_the_best_epochs_weights_are_kept_across_processes(make_pix2pix, tmp_path):
    model = make_pix2pix()
    for value in (0.3, 0.2, 0.4):
        checkpoints = checkpoints_of(model, tmp_path, best=model.generator, by="val_l1")
        model.generator.trainable_variables[0].assign_add(
            np.ones(model.generator.trainable_variables[0].shape)
        )
        if value == 0.2:
            best = model.generator.trainable_variables[0].numpy()
        checkpoints.on_epoch_end(0, {"val_l1": value})
    assert json.loads((tmp_path / "best.json").read_text())["val_l1"] == 0.2
    model.generator.load_weights(tmp_path / "best.weights.h5")
    np.testing.assert_array_equal(model.generator.trainable_variables[0], best)


def test_a_best_within_an_epoch_is_forgotten_when_the_epoch_goes_on(make_pix2pix, tmp_path):
    model = make_pix2pix()
    first = model.generator.trainable_variables[0]

    def life(step, value):
        checkpoints = checkpoints_of(model, tmp_path, best=model.generator, by="val_l1")
        checkpoints.set_params({"steps": 4})
        checkpoints.on_train_begin()
        step_counter(model.optimizer).assign(step)
        first.assign(np.full(first.shape, float(step)))
        checkpoints.on_epoch_end((step - 1) // 4, {"val_l1": value})
        model.generator.load_weights(tmp_path / "best.weights.h5")
        found = json.loads((tmp_path / "best.json").read_text())["step"]
        assert (first.numpy() == found).all()
        return found

    assert life(2, 0.1) == 2  # stopped within the first epoch
    assert life(4, 0.5) == 4  # which goes on
    assert life(6, 0.2) == 6
    assert life(7, 0.6) == 4  # that of step 6 is no epoch's
    assert life(8, 0.3) == 8


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 16
    file.write_bytes(content)


DAMAGE = {
    "data cut short": ("data-00000-of-00001", cut),
    "data altered by a bit": ("data-00000-of-00001", flip),
    "data missing": ("data-00000-of-00001", lambda file: file.unlink()),
    "index cut short": ("index", cut),
    "index altered by a bit": ("index", flip),
}


def two_checkpoints(model, pairs, folder):
    for _ in range(2):
        take_steps(model, pairs, 1)
        checkpoints_of(model, folder).save()


@pytest.fixture(scope="module")
def two_steps(make_pix2pix, pairs, tmp_path_factory):
    """(A folder of the checkpoints of two steps, the model that took them.)"""
    model, folder = make_pix2pix(), tmp_path_factory.mktemp("two_steps")
    two_checkpoints(model, pairs, folder)
    return folder, model


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(
    make_pix2pix, pairs, two_steps, tmp_path, capsys, kind
):
    (stored, witness), (ending, damage) = two_steps, DAMAGE[kind]
    shutil.copytree(stored, tmp_path, dirs_exist_ok=True)
    damage(tmp_path / f"step-2.{ending}")
    loaded = make_pix2pix()
    checkpoints = checkpoints_of(loaded, tmp_path)
    assert checkpoints.restore() == 1 == newest_step(tmp_path)
    assert "step-2: this checkpoint cannot be read" in capsys.readouterr().out
    assert list(tmp_path.glob("damaged-step-2.*"))
    take_steps(loaded, pairs, 1)
    for a, b in zip(state(witness), state(loaded), strict=True):
        np.testing.assert_array_equal(a, b)
    checkpoints.save()
    assert newest_step(tmp_path) == 2
    checkpoints.keep_newest()
    assert not list(tmp_path.glob("damaged-*")) and newest_step(tmp_path) == 2


def test_where_all_are_damaged_each_is_named_and_nothing_is_touched(make_pix2pix, pairs, tmp_path):
    two_checkpoints(make_pix2pix(), pairs, tmp_path)
    for step in (1, 2):
        cut(tmp_path / f"step-{step}.data-00000-of-00001")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match="no checkpoint in it can be read .step-2: .*; step-1: "):
        checkpoints_of(make_pix2pix(), tmp_path).restore()
    assert sorted(tmp_path.iterdir()) == before


def test_what_a_kill_left_of_a_checkpoint_is_no_checkpoint(make_pix2pix, pairs, tmp_path):
    two_checkpoints(make_pix2pix(), pairs, tmp_path)
    for name in ("new/step-3.data-00000-of-00001", "step-3.data-00000-of-00001"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"half")
    model = make_pix2pix()
    assert checkpoints_of(model, tmp_path).restore() == 2
    take_steps(model, pairs, 1)
    checkpoints_of(model, tmp_path).save()
    assert checkpoints_of(make_pix2pix(), tmp_path).restore() == 3
    assert not (tmp_path / "new").exists()


def test_one_that_cannot_be_written_leaves_the_last_as_it_was(make_pix2pix, pairs, tmp_path):
    model = make_pix2pix()
    two_checkpoints(model, pairs, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    take_steps(model, pairs, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(UserError, match="of step 3 cannot be written .*step 2 is intact"):
            checkpoints_of(model, tmp_path).save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_that_of_an_epochs_last_step_waits_for_the_epochs_figures(make_pix2pix, pairs, tmp_path):
    model = make_pix2pix()
    checkpoints = checkpoints_of(model, tmp_path, steps=1)
    checkpoints.set_params({"steps": 1})
    take_steps(model, pairs, 1)
    checkpoints.on_train_batch_end(0)
    assert newest_step(tmp_path) == 0
    checkpoints.on_epoch_end(0, {})
    assert newest_step(tmp_path) == 1


def test_logs_are_brought_as_far_first(make_pix2pix, tmp_path):
    found = []
    first = lambda: found.append(list(tmp_path.iterdir()))  # noqa: E731
    checkpoints_of(make_pix2pix(), tmp_path, before_save=first).save()
    assert found == [[]] and list(tmp_path.glob("step-*"))


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_a_rate_that_becomes_a_schedule_does_not_keep_a_checkpoint_from_being_read(
    make_pix2pix, pairs, tmp_path, dtype
):
    saved, loaded = make_pix2pix(dtype=dtype), make_pix2pix(dtype=dtype)
    take_steps(saved, pairs, 1)
    checkpoints_of(saved, tmp_path).save()
    loaded.compile(*[FusedAdam(LinearDecay(2e-4, 1, 1), beta_1=0.5) for _ in range(2)])
    loaded.build_optimizers()
    assert checkpoints_of(loaded, tmp_path).restore() == 1
    moments = [
        [v.numpy() for v in model.optimizer.variables if "momentum" in v.path]
        for model in (saved, loaded)
    ]
    for a, b in zip(*moments, strict=True):
        np.testing.assert_array_equal(a, b)


class Counted:
    """So many metrics, each of which has counted to the same value."""

    def __init__(self, count, value=0.0):
        self.metrics = [keras.metrics.Sum(name=f"metric_{i}") for i in range(count)]
        for metric in self.metrics:
            metric.update_state(value)

    def values(self):
        return [float(metric.result()) for metric in self.metrics]


@pytest.mark.parametrize(("stored", "found"), [(2, [5, 5]), (0, [0, 0]), (1, [0, 0]), (3, [0, 0])])
def test_metrics_of_another_number_than_the_checkpoints_start_anew(
    make_pix2pix, pairs, tmp_path, stored, found
):
    saved, loaded, counted = make_pix2pix(), make_pix2pix(), Counted(2)
    take_steps(saved, pairs, 1)
    checkpoints_of(saved, tmp_path, stored and MetricVariables(Counted(stored, 5.0))).save()
    checkpoints = checkpoints_of(loaded, tmp_path, MetricVariables(counted))
    assert checkpoints.restore() == 1 and counted.values() == found
    for a, b in zip(state(saved), state(loaded), strict=True):
        np.testing.assert_array_equal(a, b)
    take_steps(loaded, pairs, 1)
    checkpoints.save()
    assert checkpoints_of(loaded, tmp_path).restore() == 2  # nor need they be asked for


def test_metrics_start_anew_though_a_damaged_checkpoint_was_read_first(
    make_pix2pix, pairs, tmp_path, capsys
):
    model, counted = make_pix2pix(), Counted(1)
    take_steps(model, pairs, 1)
    checkpoints_of(model, tmp_path).save()
    take_steps(model, pairs, 1)
    other = make_pix2pix(normalization="none")  # read as far as it fits, which metrics do
    other.optimizer.iterations.assign(2)
    checkpoints_of(other, tmp_path, MetricVariables(Counted(1, 5.0))).save()
    checkpoints = checkpoints_of(model, tmp_path, MetricVariables(counted))
    assert checkpoints.restore() == 1 and counted.values() == [0.0]
    assert "step-2: this checkpoint cannot be read" in capsys.readouterr().out


def test_what_is_not_optional_must_be_there_and_nothing_may_be_left(make_pix2pix, tmp_path):
    model = make_pix2pix()
    for folder, stored, wanted in (("a", None, Counted(1)), ("b", Counted(1), None)):
        metrics = [counted and MetricVariables(counted) for counted in (stored, wanted)]
        checkpoints_of(model, tmp_path / folder, metrics[0]).save()
        with pytest.raises(UserError, match="no checkpoint in it can be read"):
            checkpoints_of(model, tmp_path / folder, metrics[1], optional=()).restore()


def u_net(channels=3, **options):
    model = UNetGenerator(filters=4, depth=3, output_channels=channels, **options)
    model.build((None, 8, 8, 3))
    return model


def test_weights_are_copied_by_their_paths_as_far_as_shapes_agree():
    source, target = u_net(), u_net(channels=1, name="another")
    before = target.output_convolution.get_weights()
    assert copy_weights(source, target) == ["output/kernel", "output/bias"]
    for a, b in zip(source.weights[:-2], target.weights[:-2], strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(before, target.output_convolution.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert copy_weights(source, u_net()) == []


def test_weights_are_copied_into_a_part_of_a_model():
    class Enhancer(keras.Model):
        def __init__(self):
            super().__init__()
            self.global_generator = UNetGenerator(filters=4, depth=3, name="global_generator")

        def build(self, shape):
            self.global_generator.build(shape)

    source, enhancer = u_net(), Enhancer()
    enhancer.build((None, 8, 8, 3))
    assert enhancer.weights[0].path.startswith("enhancer/global_generator/")
    assert copy_weights(source, enhancer.global_generator) == []
    for a, b in zip(source.weights, enhancer.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_models_with_no_weight_in_common_are_named(make_pix2pix):
    with pytest.raises(UserError, match="no weight of first fits second; take a model of the"):
        copy_weights(u_net(name="first"), make_pix2pix(normalization="none", name="second"))


def test_networks_alone_are_read_for_fine_tuning(make_pix2pix, pairs, tmp_path):
    trained, fresh = make_pix2pix(), make_pix2pix()
    take_steps(trained, pairs, 1)
    checkpoints_of(trained, tmp_path).save()
    read_networks(tmp_path, generator=fresh.generator, discriminator=fresh.discriminator)
    for a, b in zip(trained.generator.variables, fresh.generator.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(fresh.optimizer.iterations) == 0


def test_networks_that_do_not_fit_or_are_not_there_are_refused(make_pix2pix, tmp_path):
    model = make_pix2pix()
    with pytest.raises(UserError, match="holds no checkpoint"):
        read_networks(tmp_path, generator=model.generator)
    checkpoints_of(make_pix2pix(normalization="none"), tmp_path).save()
    with pytest.raises(UserError, match="its generator is another one"):
        read_networks(tmp_path, generator=model.generator)
