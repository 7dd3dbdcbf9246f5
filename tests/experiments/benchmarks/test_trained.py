"""Our commands' loop does the steps that are asked for, and no others."""

import keras
import pytest
import tensorflow as tf

from experiments.benchmarks.trained import InTurns
from experiments.runs import device


class Counting(keras.Model):
    """Counts its steps and how often they are traced; at a step that it fears it fails."""

    jit_compile = False

    def __init__(self, fears=None):
        super().__init__()
        self.steps, self.traced = tf.Variable(0), 0
        self.fears = fears

    def train_step(self, batch):
        self.traced += 1
        step = self.steps.assign_add(1)
        if self.fears is not None:
            tf.debugging.assert_less(step, self.fears, "a step that fails")
        return {"loss": batch}


@pytest.fixture
def batches(monkeypatch):
    monkeypatch.setattr(device, "log_every", lambda config: 2)
    return tf.data.Dataset.from_tensors(0.0).repeat()


def test_steps_are_done_up_to_where_logs_are_read_and_traced_once(batches):
    model = Counting()
    turns = InTurns(model, batches)
    for asked, done, all_done in ((3, 4, 4), (2, 2, 6), (1, 2, 8), (5, 6, 14)):
        assert turns.run(asked) == done
        assert model.steps.numpy() == all_done
    assert model.traced == 1


def test_a_step_that_fails_tells_those_who_asked_for_it(batches):
    turns = InTurns(Counting(fears=4), batches)
    assert turns.run(2) == 2
    with pytest.raises(tf.errors.InvalidArgumentError, match="a step that fails"):
        turns.run(2)
