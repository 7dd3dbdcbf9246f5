"""Noise that belongs to the example: one seed a row, whatever the batch or the replica."""

import keras
import tensorflow as tf


def example_seeds(seed, count, step=0):
    """One seed for each example of a (global) batch, a pure function of seed, step and index.

    Args: seed: an int or int32 [2]; count: the number of examples; step: the training step.
    Returns: int32 [count, 2]. In a replica of ``tf.distribute``, ``count`` is the replica's share
        (the same on all) and the seeds are those of its rows in the global batch.
    """
    seed = tf.convert_to_tensor(seed, tf.int32)
    if seed.shape.rank == 0:
        seed = tf.stack([seed, 0])
    seed = tf.random.fold_in(seed, tf.cast(step, tf.int32), alg="philox")
    replica = tf.distribute.get_replica_context()  # None outside of all replicas
    replicas, index = (
        (replica.num_replicas_in_sync, replica.replica_id_in_sync_group) if replica else (1, 0)
    )
    seeds = tf.random.stateless_uniform(
        [replicas * count, 2], seed, minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    return seeds[index * count : (index + 1) * count] if replicas > 1 else seeds


@tf.function(reduce_retracing=True)  # a graph of its own: a map is slow outside of one
def example_normal(seeds, shape):
    """N(0, 1) noise of a shape for each example: seeds int32 [B, 2] -> float32 [B, *shape]."""

    def draw(seed):
        return tf.random.stateless_normal(shape, seed, alg="philox")

    return tf.ensure_shape(tf.map_fn(draw, seeds, fn_output_signature=tf.float32), [None, *shape])


@keras.saving.register_keras_serializable("tf_gen")
class ExampleDropout(keras.layers.Layer):
    """Dropout whose mask for an example depends on that example's seed alone.

    Args:
        rate: the share of elements set to 0, in [0, 1); the others are scaled by 1/(1 - rate).
        stream: a number that keeps layers apart which are given the same seeds.
    Call: ``x`` [B, ...], ``active`` (False returns x as it is), ``seed`` int32 [B, 2]; without
        a seed, noise comes from the layer's own ``SeedGenerator`` and is new at each call.
    """

    def __init__(self, rate=0.5, stream=0, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"rate must lie in [0, 1), got {rate}")
        self.rate = rate
        self.stream = stream
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x, active=False, seed=None):
        if not active or self.rate == 0.0:
            return x
        if seed is None:
            return keras.random.dropout(x, self.rate, seed=self.seed_generator)
        shape = tf.shape(x)[1:]

        def draw(example_seed):  # [2] -> [...] uniform in [0, 1)
            own = tf.random.fold_in(example_seed, self.stream, alg="philox")
            return tf.random.stateless_uniform(shape, own, alg="philox")

        uniform = tf.map_fn(draw, seed, fn_output_signature=tf.float32)  # [B, ...]
        scale = tf.cast(uniform >= self.rate, x.dtype) / (1.0 - self.rate)
        return x * tf.reshape(scale, tf.shape(x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "stream": self.stream}
