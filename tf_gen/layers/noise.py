"""Noise that belongs to the example: one seed a row, whatever the batch or the replica."""

import math

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


def example_uniform(seeds, count, stream=0):
    """Uniform noise for each example: seeds int32 [B, 2] -> float32 [B, count] in [0, 1).

    All at once: TensorFlow's own stateless noise takes one seed a call, and a loop over examples
    makes a GPU wait for the host at each. The hash is ``pcg4d`` of Jarzynski and Olano (Hash
    Functions for GPU Rendering, JCGT 9(3), 2020) of (index, seed, stream).

    Args: stream: an int, or int32 [], that keeps apart what is drawn from the same seeds.
    """
    quarter = (count + 3) // 4  # of the numbers: the hash gives four each
    seeds = tf.bitcast(tf.convert_to_tensor(seeds, tf.int32), tf.uint32)
    first, second = tf.unstack(seeds[:, None], axis=2)  # [B, 1] each
    index = tf.bitcast(tf.range(quarter), tf.uint32)[None]  # [1, quarter]
    stream = tf.bitcast(tf.convert_to_tensor(stream, tf.int32), tf.uint32)
    hashed = tf.concat(_pcg4d(index, first, second, stream), axis=1)
    return tf.cast(_shifted(hashed[:, :count], 8), tf.float32) * 2.0**-24


def _pcg4d(x, y, z, w):
    """Four uint32 [B, N], mixed of four that broadcast to that shape."""
    x, y, z, w = (value * 1664525 + 1013904223 for value in (x, y, z, w))

    def mix(x, y, z, w):
        x += y * w
        y += z * x
        z += x * y
        w += y * z
        return x, y, z, w

    return mix(*(value ^ _shifted(value, 16) for value in mix(x, y, z, w)))


def _shifted(x, count):
    return tf.bitwise.right_shift(x, tf.constant(count, tf.uint32))


def example_normal(seeds, shape):
    """N(0, 1) noise of a shape for each example: seeds int32 [B, 2] -> float32 [B, *shape].

    By the method of Box and Muller, from ``example_uniform``.
    """
    count = math.prod(shape)
    pairs = (count + 1) // 2
    uniform = example_uniform(seeds, 2 * pairs)
    radius = tf.sqrt(-2.0 * tf.math.log(1.0 - uniform[:, :pairs]))
    angle = 2.0 * math.pi * uniform[:, pairs:]
    normal = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], axis=1)
    return tf.reshape(normal[:, :count], [tf.shape(seeds)[0], *shape])


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
        uniform = example_uniform(seed, tf.reduce_prod(tf.shape(x)[1:]), self.stream)
        scale = tf.cast(uniform >= self.rate, x.dtype) / (1.0 - self.rate)
        return x * tf.reshape(scale, tf.shape(x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "stream": self.stream}


@keras.saving.register_keras_serializable("tf_gen")
class InputNoise(keras.layers.Layer):
    """Channels of uniform noise in [-1, 1) behind an image's own.

    Args: channels: how many; stream: keeps the noise apart from that of other layers.
    Call: ``x`` [B, H, W, C], ``active`` (False appends zeros), ``seed`` int32 [B, 2]; without a
        seed, noise comes from the layer's own ``SeedGenerator``. Returns: [B, H, W, C + channels].
    """

    def __init__(self, channels=1, stream=100, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.stream = stream
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x, active=False, seed=None):
        plane = keras.ops.zeros_like(x[..., :1])
        noise = keras.ops.concatenate([plane] * self.channels, axis=-1)
        if active and seed is None:
            shape = keras.ops.shape(noise)
            noise = keras.random.uniform(shape, -1.0, 1.0, x.dtype, seed=self.seed_generator)
        elif active:
            uniform = example_uniform(seed, tf.reduce_prod(tf.shape(noise)[1:]), self.stream)
            noise = tf.cast(2.0 * tf.reshape(uniform, tf.shape(noise)) - 1.0, x.dtype)
        return keras.ops.concatenate([x, noise], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + self.channels)

    def get_config(self):
        return {**super().get_config(), "channels": self.channels, "stream": self.stream}


@keras.saving.register_keras_serializable("tf_gen")
class LatentNoise(keras.layers.Layer):
    """A latent vector of N(0, 1) for each example.

    Args: dim: its length.
    Call: ``x`` [B, ...], ``active`` (False gives zeros, the mean), ``seed`` int32 [B, 2]; without
        one, noise comes from the layer's own ``SeedGenerator``. Returns: [B, dim].
    """

    def __init__(self, dim, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x, active=False, seed=None):
        shape = (tf.shape(x)[0], self.dim)
        if not active:
            return tf.zeros(shape, self.compute_dtype)
        if seed is None:
            return keras.random.normal(shape, dtype=self.compute_dtype, seed=self.seed_generator)
        return tf.cast(example_normal(seed, (self.dim,)), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.dim)

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}
