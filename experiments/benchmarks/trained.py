"""Steps of the loop that our commands run (``tf_gen.training.loop.train``), some at a time."""

import queue
import threading
from types import SimpleNamespace

import keras

from experiments.runs import device
from tf_gen.training.loop import train

ENDLESS = 2**60


class InTurns(keras.callbacks.Callback):
    """One call of ``train``, held up in a thread of its own while no steps are asked of it:
    another call would trace and compile the step again."""

    def __init__(self, model, batches):
        super().__init__()
        self._asked, self._answers = queue.SimpleQueue(), queue.SimpleQueue()
        threading.Thread(target=self._train, args=(model, batches), daemon=True).start()

    def run(self, count: int) -> int:
        """Train for so many steps, or a few more, up to where logs are read; says how many."""
        self._asked.put(count)
        answer = self._answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _train(self, model, batches):
        try:
            train(
                model,
                lambda first_step, last_step: batches,
                steps_per_epoch=ENDLESS,
                total_steps=ENDLESS,
                log_every=device.log_every(SimpleNamespace(log_every="auto")),
                callbacks=[self],
            )
        except Exception as error:  # of a step: for those who asked for it
            self._answers.put(error)

    def on_train_begin(self, logs=None):
        self._answered, self._count = 0, self._asked.get()

    def on_train_batch_end(self, batch, logs=None):
        done = batch + 1 - self._answered
        if done >= self._count:
            self._answers.put(done)
            self._answered, self._count = batch + 1, self._asked.get()
