"""The training loop: a compiled step, driven under Keras' callback protocol."""

import re
import time

import keras
import tensorflow as tf

from tf_gen.errors import NotFiniteError


def train(
    model,
    make_batches,
    *,
    steps_per_epoch,
    total_steps,
    first_step=0,
    callbacks=(),
    validate=None,
):
    """Train a compiled, built model from first_step to total_steps.

    Drives any model with a ``train_step(batch) -> dict of scalars``; its ``check_batch(batch)``,
    if it has one, sees the first batch. Callbacks get what ``fit``
    gives them: batches counted within the epoch, epoch logs from the model's metrics where
    ``train_step`` returns their names (else means over the epoch's steps),
    and ``step_seconds``, waiting for data included (nan for the first, which traces),
    with ``validate``'s figures beside them; ``model.stop_training`` is honoured after each step.

    Args:
        make_batches: (first_step, last_step) -> a tf.data.Dataset of these steps' batches.
        steps_per_epoch: steps that make an epoch; a run may begin and end within one.
        validate: () -> dict of floats, called at the end of each epoch.
    Returns: the number of the step reached.
    Raises: NotFiniteError naming the step (counted from 1), if a loss or a gradient is not
        finite; UserError if the first batch does not suit the model.
    """
    batches = make_batches(first_step, total_steps)
    step_function = tf.function(model.train_step, input_signature=[batches.element_spec])
    callbacks = keras.callbacks.CallbackList(
        list(callbacks), model=model, steps=steps_per_epoch, total_steps=total_steps,
        first_step=first_step, epochs=-(-total_steps // steps_per_epoch),
    )  # fmt: skip
    model.stop_training = False
    callbacks.on_train_begin()
    step, epoch_logs = first_step, []
    iterator = iter(batches)
    while step < total_steps:
        began = time.perf_counter()
        batch = next(iterator)
        if step == first_step and hasattr(model, "check_batch"):
            model.check_batch(batch)
        epoch, index = divmod(step, steps_per_epoch)
        if index == 0 or step == first_step:
            epoch_logs = []
            model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
        callbacks.on_train_batch_begin(index)
        logs = _checked(step_function, batch, step)
        seconds = time.perf_counter() - began if step > first_step else float("nan")
        step += 1
        epoch_logs.append(logs)
        callbacks.on_train_batch_end(index, {**logs, "step_seconds": seconds})
        if index + 1 == steps_per_epoch or (step == total_steps and not model.stop_training):
            figures = _epoch_figures(model, epoch_logs)
            callbacks.on_epoch_end(epoch, {**figures, **(validate() if validate else {})})
        if model.stop_training:  # after a step, or at an epoch's end
            break
    callbacks.on_train_end()
    return step


def _epoch_figures(model, logs):
    own = model.get_metrics_result()
    if own.keys() == logs[0].keys():  # a perplexity is no mean of its batches' perplexities
        return {name: float(own[name]) for name in logs[0]}
    return {name: sum(step[name] for step in logs) / len(logs) for name in logs[0]}


def _checked(step_function, batch, step):
    try:
        return {name: float(value) for name, value in step_function(batch).items()}
    except tf.errors.InvalidArgumentError as error:
        found = re.search(r"(the \w+'s loss or gradient) : Tensor had", error.message)
        if not found:  # not what check_numerics says
            raise
        raise NotFiniteError(f"step {step + 1}: {found[1]} is not finite") from error
