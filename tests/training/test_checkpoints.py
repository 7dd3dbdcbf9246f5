"""Checkpoints hold all of a run, and only the newest two are kept."""

import json

import numpy as np
import pytest

from tf_gen.errors import UserError
from tf_gen.optimizers import FusedAdam
from tf_gen.training.checkpoints import Checkpoints, newest_step, read_networks
from tf_gen.training.schedules import LinearDecay


def checkpoints_of(model, folder, **options):
    parts = {
        "generator": model.generator,
        "discriminator": model.discriminator,
        "generator_optimizer": model.optimizer,
        "discriminator_optimizer": model.discriminator_optimizer,
    }
    return Checkpoints(folder, parts, step=model.optimizer.iterations, **options)


def state(model):
    optimizers = (model.optimizer, model.discriminator_optimizer)
    networks = model.generator.variables + model.discriminator.variables
    variables = networks + [v for optimizer in optimizers for v in optimizer.variables]
    return [v.numpy() for v in variables if "seed_generator" not in v.path]


def take_steps(model, pairs, count):
    for i in range(count):
        model.train_step((pairs[0][i : i + 2], pairs[1][i : i + 2]))


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


def test_a_damaged_checkpoint_is_named(make_pix2pix, pairs, tmp_path):
    model = make_pix2pix()
    for _ in range(2):
        take_steps(model, pairs, 1)
        checkpoints_of(model, tmp_path).save()
    data = tmp_path / "step-2.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(UserError, match="step-2: the checkpoint cannot be read"):
        checkpoints_of(make_pix2pix(), tmp_path).restore()
    for file in tmp_path.glob("step-2.*"):  # what the message advises
        file.unlink()
    loaded = make_pix2pix()
    assert checkpoints_of(loaded, tmp_path).restore() == 1 == newest_step(tmp_path)
    take_steps(loaded, pairs, 1)
    checkpoints_of(loaded, tmp_path).save()
    assert newest_step(tmp_path) == 2


def test_a_rate_that_becomes_a_schedule_does_not_keep_a_checkpoint_from_being_read(
    make_pix2pix, pairs, tmp_path
):
    saved, loaded = make_pix2pix(), make_pix2pix()
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
