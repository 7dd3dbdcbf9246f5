"""``--strategy``: training on several devices or machines, by ``tf.distribute``."""

import functools
import json
import os

import tensorflow as tf

from experiments.launch.errors import UsageError


@functools.cache  # a process can set its devices up once
def make_strategy(kind: str):
    """The strategy of that name, or None for none; before anything else is asked of TensorFlow.

    mirrored: all GPUs; where there is none, the processor as two devices, to try it out.
    multi_worker: the processes that the environment variable TF_CONFIG names.

    Raises: UsageError if TF_CONFIG does not name them.
    """
    if kind == "none":
        return None
    if kind == "mirrored":
        if not tf.config.list_physical_devices("GPU"):
            (processor,) = tf.config.list_physical_devices("CPU")
            two = [tf.config.LogicalDeviceConfiguration()] * 2
            tf.config.set_logical_device_configuration(processor, two)
        return tf.distribute.MirroredStrategy()
    try:
        cluster = json.loads(os.environ.get("TF_CONFIG", ""))["cluster"]
        workers = len(cluster["worker"]) + len(cluster.get("chief", ()))
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "--strategy multi_worker: the environment variable TF_CONFIG must name the workers; "
            "docs/reliability.md has the lines for two machines"
        ) from error
    print(f"waiting for all {workers} workers", flush=True)
    return tf.distribute.MultiWorkerMirroredStrategy()


def replicas_of(strategy) -> int:
    """How many share a batch; 1 without a strategy."""
    return strategy.num_replicas_in_sync if strategy else 1


def check_strategy(config, strategy) -> None:
    """Raise UsageError where options do not suit a strategy."""
    replicas = replicas_of(strategy)
    if config.batch_size % replicas:
        raise UsageError(
            f"--batch-size {config.batch_size}: is shared by {replicas} replicas, so it must be a "
            "multiple of that"
        )
    if config.strategy == "multi_worker" and config.run_dir is None:
        raise UsageError(
            "--run-dir: must be given with --strategy multi_worker, the same folder for all "
            "workers, on a file system that they share"
        )


def is_chief(strategy) -> bool:
    """Whether this process writes what the run leaves."""
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or not resolver.cluster_spec():
        return True
    first = resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs
    return resolver.task_type == "chief" or (resolver.task_type == "worker" and first)


class Replicated:
    """A task's model to train, and what makes its figures.

    With a strategy these are two models: replicas train one (``model``, with the ``parts`` of its
    checkpoints), whose weights are copied into the task's own, on one device, before that is
    measured, drawn or exported; ``network`` is a part of that. All but training is then as without
    a strategy.
    """

    def __init__(self, task, strategy, epoch_steps):
        self._strategy, self._own = strategy, None
        if strategy is None:
            self.model, self.network, self.parts = task.build(epoch_steps)
            return
        with strategy.scope():
            self.model, _, self.parts = task.build(epoch_steps)
        # the task's own from here on
        self._own, self.network, self._own_parts = task.build(epoch_steps)

    def sync(self) -> None:
        """Bring the task's model and optimisers, which may hold averages, as far as training has
        come."""
        if self._own:
            for name, part in self.parts.items():
                for own, trained in zip(
                    self._own_parts[name].variables, part.variables, strict=True
                ):
                    own.assign(trained.value.numpy())

    def start(self) -> None:
        """Let training begin with what the task's model was started with."""
        if self._own:
            with self._strategy.scope():
                for own, trained in zip(self._own.variables, self.model.variables, strict=True):
                    trained.value.assign(own.numpy())
