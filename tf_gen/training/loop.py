"""The training loop: a compiled step, driven under Keras' callback protocol."""

import contextlib
import functools
import math
import re
import time

import keras
import tensorflow as tf

from tf_gen.data import Parts
from tf_gen.data.batches import without_autotune
from tf_gen.errors import Interrupted, NotFiniteError, WorkerLostError

# what a collective operation says when a process that it needs is gone
LOST = (
    tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError,
    tf.errors.InternalError, tf.errors.DeadlineExceededError,
)  # fmt: skip


def _tells_of_lost_workers(train):
    @functools.wraps(train)
    def watched(*args, strategy=None, **kwargs):
        try:
            return train(*args, strategy=strategy, **kwargs)
        except LOST as error:
            if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
                raise
            reason = error.message.partition("\n")[0]
            raise WorkerLostError(f"a worker was lost ({reason})") from error

    return watched


@_tells_of_lost_workers
def train(
    model,
    make_batches,
    *,
    steps_per_epoch,
    total_steps,
    first_step=0,
    owes_epoch_end=False,
    earlier_logs=(),
    callbacks=(),
    validate=None,
    strategy=None,
    log_every=1,
):
    """Train a compiled, built model from first_step to total_steps.

    Drives any Keras model with a ``train_step(batch) -> dict of scalars``, compiled by XLA where
    its ``jit_compile`` says so; its ``check_batch(batch)``, if it has one, sees the first batch.
    On a GPU, batches are copied there ahead. Callbacks get what ``fit``
    gives them: batches counted within the epoch, epoch logs from the model's metrics where
    ``train_step`` returns their names (else means over the epoch's steps),
    and ``step_seconds``, waiting for data included (nan for the first, which traces),
    with ``validate``'s figures beside them, which ``on_test_end`` gets, too (without ``val_``);
    ``model.stop_training`` is honoured after each step.

    Args:
        make_batches: (first_step, last_step) -> a tf.data.Dataset of these steps' batches; with a
            strategy a third argument says which parts of them (``tf_gen.data.Parts``).
        steps_per_epoch: steps that make an epoch; a run may begin and end within one.
        owes_epoch_end: whether an earlier run was stopped when the epoch that first_step ended was
            being validated; that is done first.
        earlier_logs: of the steps before first_step in its epoch (or in that one), where the
            model's metrics do not hold these steps: it has none, or its checkpoint holds none (of
            several workers). That epoch's figures are then means over all its steps' logs.
        validate: () -> dict of floats, called at the end of each epoch. If it raises Interrupted
            training ends, and that epoch's end is owed.
        strategy: of ``tf.distribute``, in whose scope the model was made; logs are then means over
            the replicas.
        log_every: steps after which logs are read from the device, and callbacks called with means
            over these steps (as by ``steps_per_execution`` in ``fit``); fewer at an epoch's end.
            More than 1 lets a GPU work on while the host prepares its next steps.
    Returns: the number of the step reached.
    Raises: NotFiniteError naming the step (counted from 1), when a log is read that is not finite
        (a model of ours has changed nothing then or since, see ``tf_gen.optimizers.FiniteStep``);
        UserError if the first batch does not suit the model; WorkerLostError if another
        process of a multi-worker strategy is gone.
    """
    batches, step_function, shown = _prepared(
        model, make_batches, first_step, total_steps, strategy
    )
    callbacks = keras.callbacks.CallbackList(
        list(callbacks), model=model, steps=steps_per_epoch, total_steps=total_steps,
        first_step=first_step, epochs=-(-total_steps // steps_per_epoch),
    )  # fmt: skip
    model.stop_training = False
    callbacks.on_train_begin()
    step, epoch_logs, unread, iterator = first_step, list(earlier_logs), [], iter(batches)
    if owes_epoch_end:
        epoch = -(-step // steps_per_epoch) - 1
        callbacks.on_epoch_begin(epoch)
        figures = _epoch_figures(model, epoch_logs, earlier_logs)
        _end_epoch(model, callbacks, epoch, figures, validate, strategy)
    began = time.perf_counter()
    while step < total_steps and not model.stop_training:
        batch = next(iterator)
        if step == first_step and hasattr(model, "check_batch"):
            model.check_batch(shown(batch))
        epoch, index = divmod(step, steps_per_epoch)
        if index == 0:
            epoch_logs, earlier_logs = [], ()
            model.reset_metrics()
        if index == 0 or step == first_step:
            callbacks.on_epoch_begin(epoch)
        if not unread:
            callbacks.on_train_batch_begin(index)
        with _names_step(step - len(unread), step):
            unread.append(step_function(batch))
            step += 1
            epoch_ends = step % steps_per_epoch == 0
            if len(unread) < log_every and not epoch_ends and step < total_steps:
                continue
            logs = _read(unread)
        _check_finite(logs, step)
        traced = step - len(unread) == first_step
        seconds = (time.perf_counter() - began) / len(unread) if not traced else float("nan")
        epoch_logs += logs
        callbacks.on_train_batch_end(index, {**_means(logs), "step_seconds": seconds})
        if epoch_ends or (step == total_steps and not model.stop_training):
            figures = _epoch_figures(model, epoch_logs, earlier_logs)
            _end_epoch(model, callbacks, epoch, figures, validate, strategy)
        unread, began = [], time.perf_counter()
    callbacks.on_train_end()
    return step


def _end_epoch(model, callbacks, epoch, figures, validate, strategy):
    if validate is not None:
        callbacks.on_test_begin()
        try:
            found = _validated(model, validate, strategy)
        except Interrupted:
            model.stop_training = True
            return
        callbacks.on_test_end({name.removeprefix("val_"): value for name, value in found.items()})
        figures |= found
    callbacks.on_epoch_end(epoch, figures)


def _epoch_figures(model, logs, earlier_logs):
    """The model's metrics, or means over the epoch's logs where those lack earlier ones."""
    if earlier_logs:
        return _means(logs)
    own = model.get_metrics_result()
    if not logs or own.keys() == logs[0].keys():
        return {name: float(own[name]) for name in sorted(own)}  # a graph's logs have that order
    return _means(logs)


def _means(logs):
    return {name: sum(step[name] for step in logs) / len(logs) for name in logs[0]}


def _prepared(model, make_batches, first_step, last_step, strategy):
    """(Batches, the compiled step on one, what makes tensors of one to look at)."""
    if strategy is None:
        batches = _copied_ahead(make_batches(first_step, last_step))
        step = tf.function(
            model.train_step, [batches.element_spec], jit_compile=model.jit_compile or None
        )
        return batches, step, lambda batch: batch
    if model.jit_compile:
        raise ValueError("jit_compile=True: is for one device, so give no strategy")

    def of_process(context):
        replicas = context.num_replicas_in_sync
        count = replicas // context.num_input_pipelines
        parts = Parts(context.input_pipeline_id * count, count, replicas)
        return make_batches(first_step, last_step, parts)

    batches = strategy.distribute_datasets_from_function(of_process)

    @tf.function(input_signature=[batches.element_spec])
    def step(batch):
        logs = strategy.run(model.train_step, args=(batch,))
        return {name: strategy.reduce("MEAN", log, axis=None) for name, log in logs.items()}

    def first_replicas(batch):
        return tf.nest.map_structure(lambda t: strategy.experimental_local_results(t)[0], batch)

    return batches, step, first_replicas


def _validated(model, validate, strategy):
    """Validation's figures; the training metrics, which ``evaluate`` uses too, are put back: a run
    that ends within an epoch may go on."""
    if strategy is not None:  # validates another model, a copy
        return validate()
    variables = [v for metric in model.metrics for v in metric.variables]
    before = [v.numpy() for v in variables]
    try:
        return validate()
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def _copied_ahead(batches):
    """The batches in the memory of the one GPU, if there is one, while steps before them run."""
    gpus = tf.config.list_logical_devices("GPU")
    if len(gpus) != 1:
        return batches
    copied = tf.data.experimental.prefetch_to_device(gpus[0].name, buffer_size=2)
    return without_autotune(batches.apply(copied))  # which forgets the options


def _read(logs) -> list[dict]:
    """As numbers; of several steps by one copy, since each lets a GPU wait."""
    names = list(logs[0])
    if len(logs) == 1 or not names:
        return [{name: float(value) for name, value in one.items()} for one in logs]
    values = [tf.cast(one[name], tf.float32) for one in logs for name in names]
    rows = tf.reshape(tf.stack(values), [len(logs), len(names)]).numpy().tolist()
    return [dict(zip(names, row, strict=True)) for row in rows]


def _check_finite(logs, step):
    """Raise NotFiniteError for the logs of the steps before this one."""
    for number, one in enumerate(logs, step - len(logs) + 1):
        bad = [name for name, value in one.items() if not math.isfinite(value)]
        if bad:
            name = next((name for name in bad if name.endswith("loss")), bad[0])
            raise NotFiniteError(f"step {number}: {name} or a gradient is not finite")


@contextlib.contextmanager
def _names_step(first, last):
    """Says in which step of a strategy's, or between which not read yet, a value was not finite."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(r"(the \w+'s loss or gradient) : Tensor had", error.message)
        if not found:  # not what check_numerics says
            raise
        steps = f"step {last + 1}" if first == last else f"steps {first + 1} to {last + 1}"
        raise NotFiniteError(f"{steps}: {found[1]} is not finite") from error
