"""Vectors replaced by the nearest of a codebook (van den Oord et al. 2017; the report, R1.3)."""

import keras
import tensorflow as tf

from tf_gen.errors import UserError, check_choice
from tf_gen.replicas import all_reduce_sum, mean_or_zero, replica_count

from .quantizer import ESTIMATORS, Quantizer, checked_codes, estimated

STARTS = ("uniform", "kmeans")
KMEANS_ROUNDS = 10


@keras.saving.register_keras_serializable("tf_gen")
class VectorQuantizer(Quantizer):
    """A codebook of ``codes`` vectors as wide as its input, which its loss moves (the report).

    Args:
        codes: the number of vectors, K.
        start: ``"uniform"`` in [-1/K, 1/K] (the report says uniform; the bounds are those of the
            paper's authors), or ``"kmeans"``: then call ``start_from`` once before training
            (``VQVAE.fit`` does it with its first batch).
        restart_below: a code that gets on average fewer vectors of a batch than this is set to
            a random vector of the batch (Dhariwal et al. 2020, section 3.1); 0 never does.
        decay: of the moving averages, in [0, 1): here of those counts.
        estimator: how a gradient passes: ``"straight_through"`` or ``"rotation"``, see
            ``estimated`` in ``layers/quantizer.py``.
        seed: of the random choices.

    Call: see ``Quantizer``; ``codes`` are int32 [B, ...], ``codebook_loss`` is the mean of
    ``(sg[z] - e)^2`` over all elements, ``commitment_loss`` of ``(z - sg[e])^2``::

        quantizer = VectorQuantizer(512, start="kmeans")
        quantizer.start_from(z)  # [B, h, w, D]
        found = quantizer(z, training=True)
    """

    by_gradient = True

    def __init__(
        self,
        codes=512,
        *,
        start="uniform",
        restart_below=0.0,
        decay=0.99,
        estimator="straight_through",
        seed=0,
        **kwargs,
    ):
        if kwargs.pop("codebook", "gradient") != "gradient":
            raise UserError("VectorQuantizer learns by gradients alone: take VectorQuantizerEMA")
        super().__init__(**kwargs)
        check_choice("start", start, STARTS)
        check_choice("estimator", estimator, ESTIMATORS)
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must lie in [0, 1), got {decay}")
        self.codes = codes
        self.start = start
        self.restart_below = restart_below
        self.decay = decay
        self.estimator = estimator
        self.seed = seed

    @classmethod
    def from_config(cls, config):
        if config.pop("codebook", None) == "ema":  # until 0.2.0 one class held both
            return VectorQuantizerEMA.from_config(config)
        return super().from_config(config)

    def build(self, input_shape):
        width = input_shape[-1]
        self.vectors = self.add_weight(
            name="vectors",
            shape=(self.codes, width),
            initializer=keras.initializers.RandomUniform(
                -1.0 / self.codes, 1.0 / self.codes, seed=self.seed
            ),
            dtype="float32",
            autocast=False,
            trainable=self.by_gradient,
            aggregation="only_first_replica",
        )

        # int64: an int32 variable lies on the host, where a step compiled for a GPU cannot reach it
        self.started = self._state("started", (), "int64")  # 1 after a k-means start
        self.batches = self._state("batches", (), "int64")  # that moved the averages
        self.counts = self._state("counts", (self.codes,))  # moving: vectors of a batch by code

    def _state(self, name, shape, dtype="float32"):
        return self.add_weight(
            name=name, shape=shape, dtype=dtype, initializer="zeros", trainable=False,
            autocast=False, aggregation="only_first_replica",
        )  # fmt: skip

    @property
    def needs_start(self):
        # not int(started): a variable of tf.distribute has no __int__
        return self.start == "kmeans" and not (self.built and self.started.value.numpy())

    def call(self, z, training=False, sample_weight=None):
        wide = tf.cast(z, tf.float32)
        flat = tf.reshape(wide, [-1, self.vectors.shape[-1]])  # [N, D]
        codes = self._nearest(flat)  # [N]
        chosen = tf.reshape(tf.gather(self.vectors.value, codes), tf.shape(wide))
        weights = tf.ones([1] * (len(z.shape) - 1))  # [B, ...] to be broadcast
        if sample_weight is not None:
            weights *= tf.reshape(tf.cast(sample_weight, tf.float32), [-1, *weights.shape[1:]])
        found = {
            "quantized": tf.cast(estimated(wide, chosen, self.estimator), z.dtype),
            "codes": tf.reshape(codes, tf.shape(z)[:-1]),
            "codebook_loss": _mean_square(tf.stop_gradient(wide) - chosen, weights),
            "commitment_loss": _mean_square(wide - tf.stop_gradient(chosen), weights),
        }
        if training and self.trainable and (self.restart_below or not self.by_gradient):
            weights = tf.reshape(tf.broadcast_to(weights, tf.shape(found["codes"])), [-1])
            self._update(tf.stop_gradient(flat), codes, weights)
        return found

    def lookup(self, codes):
        """Codes in 0 ... K - 1, int [B, ...] -> their vectors, float32 [B, ..., D].

        Raises: tf.errors.InvalidArgumentError for others.
        """
        return tf.gather(self.vectors.value, checked_codes(codes, self.codes))

    def _nearest(self, flat):
        """argmin_k |z - e_k|^2 of [N, D] -> int32 [N]; |z|^2 is the same for all k."""
        vectors = tf.convert_to_tensor(self.vectors.value)
        distances = tf.reduce_sum(vectors**2, axis=1) - 2.0 * tf.matmul(
            flat, vectors, transpose_b=True
        )
        return tf.argmin(distances, axis=1, output_type=tf.int32)

    # Learning without a gradient ---------------------------------------------------------

    def _update(self, flat, codes, weights):
        """Restart dead codes by one batch (of all replicas)."""
        counts = tf.math.unsorted_segment_sum(weights, codes, self.codes)
        counts, strangers = all_reduce_sum([counts, self._random_rows(flat)])
        vectors = tf.convert_to_tensor(self.vectors.value)
        self._restart(self._averaged(self.counts, counts), vectors, strangers)

    def _restart(self, counts, vectors, strangers):
        """Set counts and vectors, those of dead codes to strangers; which they are, bool [K, 1]."""
        dead = (counts < self.restart_below)[:, None]  # [K, 1]
        self.counts.assign(tf.where(dead[:, 0], self.restart_below, counts))
        self.vectors.assign(tf.where(dead, strangers, vectors))
        self.batches.assign(self.batches.value + 1)
        return dead

    def _averaged(self, variable, values):
        """The moving average with one more batch's values."""
        keep = self._kept()
        return keep * variable.value + (1.0 - keep) * values

    def _kept(self):
        """What the averages so far weigh in the next ones: those of ``h = d h + (1 - d) x`` from
        h = 0, divided by 1 - d^t, so that no batch weighs more than those after it.

        (Until 0.2.0 the first weighed 1 / (1 - d) times as much as another. Checkpoints of then
        hold averages, too, whose weights add up to 1: they go on, and the first batch fades.)
        """
        fading = tf.pow(self.decay, tf.cast(self.batches.value + 1, tf.float32))  # d^t
        return (self.decay - fading) / (1.0 - fading)

    def _random_rows(self, flat):
        """[K, D]: random vectors of the batch, of all replicas: a replica gives those that it
        has, and 0 for the others."""
        replica = tf.distribute.get_replica_context()
        index, count = replica.replica_id_in_sync_group if replica else 0, tf.shape(flat)[0]
        (counts,) = all_reduce_sum([tf.one_hot(index, replica_count(), tf.cast(count, tf.float32))])
        counts = tf.cast(counts, tf.int32)  # of each replica
        seed = tf.stack([self.seed, tf.cast(self.batches.value, tf.int32)])
        rows = tf.random.stateless_uniform(
            [self.codes], seed, 0, tf.reduce_sum(counts), tf.int32, alg="philox"
        )
        rows -= tf.cumsum(counts, exclusive=True)[index]
        here = (rows >= 0) & (rows < count)  # [K]
        return tf.where(here[:, None], tf.gather(flat, tf.where(here, rows, 0)), 0.0)

    def start_from(self, z):
        """Set the codebook by k-means (Lloyd's algorithm, 10 rounds) on vectors [..., D].

        Raises: UserError if there are fewer different vectors than codes.
        """
        z = tf.convert_to_tensor(z)
        if not self.built:
            self.build(z.shape)
        flat = tf.reshape(tf.cast(z, tf.float32), [-1, self.vectors.shape[-1]])
        order = tf.random.experimental.stateless_shuffle(flat, [self.seed, 0], alg="philox")
        different = tf.raw_ops.UniqueV2(x=order, axis=[0]).y
        if len(different) < self.codes:
            raise UserError(
                f"the codebook cannot start from {len(different)} different vectors, it has "
                f"{self.codes}: start it from more images, or take fewer codes"
            )
        self.started.assign(1)
        self.vectors.assign(different[: self.codes])
        for _ in range(KMEANS_ROUNDS):
            codes = self._nearest(flat)
            used = tf.math.unsorted_segment_sum(tf.ones_like(codes), codes, self.codes) > 0
            means = tf.math.unsorted_segment_mean(flat, codes, self.codes)
            self.vectors.assign(tf.where(used[:, None], means, self.vectors.value))

    def get_config(self):
        return {
            **super().get_config(),
            "codes": self.codes,
            "start": self.start,
            "restart_below": self.restart_below,
            "decay": self.decay,
            "estimator": self.estimator,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("tf_gen")
class VectorQuantizerEMA(VectorQuantizer):
    """A codebook of moving averages of the vectors that each code is given (appendix A.1 of the
    paper): it needs no loss, ``codebook_loss`` is a figure.

    Args: as of ``VectorQuantizer``; ``decay`` is also that of the vectors' averages.
    """

    by_gradient = False

    def load_own_variables(self, store):
        # Keras files a model's layers by class: until 0.2.0 this was a VectorQuantizer
        super().load_own_variables(store if store.keys() else store.get("layers/vector_quantizer"))

    def build(self, input_shape):
        super().build(input_shape)
        self.sums = self._state("sums", (self.codes, input_shape[-1]))  # moving: of those vectors

    def _update(self, flat, codes, weights):
        """Move the averages by one batch (of all replicas), and restart dead codes."""
        counts = tf.math.unsorted_segment_sum(weights, codes, self.codes)
        sums = tf.math.unsorted_segment_sum(flat * weights[:, None], codes, self.codes)
        counts, sums, strangers = all_reduce_sum([counts, sums, self._random_rows(flat)])
        counts, sums = self._averaged(self.counts, counts), self._averaged(self.sums, sums)
        seen = (counts > 1e-5)[:, None]  # a code long unused stays where it is
        vectors = tf.where(
            seen,
            sums / tf.where(seen, counts[:, None], 1.0),
            tf.convert_to_tensor(self.vectors.value),
        )
        dead = self._restart(counts, vectors, strangers)
        self.sums.assign(tf.where(dead, strangers * self.restart_below, sums))


def _mean_square(errors, weights):
    """Over all elements of [B, ..., D], each example's times its weight, [B, ...]."""
    return mean_or_zero(weights * tf.reduce_mean(tf.square(errors), axis=-1))
