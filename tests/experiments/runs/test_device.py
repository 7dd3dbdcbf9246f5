"""What ``--xla auto`` and ``--log-every auto`` come to."""

import dataclasses

import pytest
import tensorflow as tf

from experiments.launch.errors import UsageError
from experiments.launch.options import TrainingOptions
from experiments.launch.precision import dtype_policy
from experiments.runs import device


@pytest.fixture
def gpus(monkeypatch):
    """(count) -> that many GPUs, for those who ask TensorFlow for them."""

    def pretend(count):
        for ask in ("list_logical_devices", "list_physical_devices"):
            monkeypatch.setattr(tf.config, ask, lambda kind: [kind] * count)

    return pretend


def options(**changed):
    return dataclasses.replace(TrainingOptions(), **changed)


@pytest.mark.parametrize(
    ("count", "steps", "changed", "expected"),
    [
        (1, 1000, {}, True),
        (1, 999, {}, False),
        (0, 5000, {}, False),
        (2, 5000, {}, False),
        (1, 5000, {"strategy": "mirrored"}, False),
        (1, 5000, {"deterministic": True}, False),
        (1, 5000, {"xla": "off"}, False),
        (0, 1, {"xla": "on"}, True),
        (1, 1, {"xla": "on", "deterministic": True}, True),
    ],
)
def test_auto_compiles_where_it_pays(gpus, count, steps, changed, expected):
    gpus(count)
    assert device.compiles(options(**changed), steps, did_before=None) is expected


def test_a_run_that_was_compiled_stays_so_to_its_last_steps(gpus, capsys):
    gpus(1)
    assert device.compiles(options(), 3, did_before=True) is True
    assert "warning" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("xla", "before", "said"),
    [("off", True, "the steps before were compiled"), ("on", False, "were not compiled by XLA")],
)
def test_a_change_within_a_run_warns_that_equality_ends(gpus, capsys, xla, before, said):
    gpus(0)
    device.compiles(options(xla=xla), 5000, before)
    assert said in capsys.readouterr().out


def test_xla_is_for_one_device():
    with pytest.raises(UsageError, match="--xla on: is for one device; leave it or --strategy mir"):
        options(xla="on", strategy="mirrored").check()


def test_logs_are_read_at_every_step_but_on_a_gpu(gpus):
    gpus(0)
    assert device.log_every(options()) == 1
    gpus(1)
    assert device.log_every(options()) == 10
    assert device.log_every(options(log_every=3)) == 3


def test_float16_is_for_gpus(gpus):
    gpus(1)
    assert dtype_policy("float16") == "mixed_float16"
    gpus(0)
    with pytest.raises(UsageError, match="--precision float16: is for GPUs; give bfloat16 or fl"):
        dtype_policy("float16")
