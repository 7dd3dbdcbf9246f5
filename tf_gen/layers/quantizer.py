"""What quantisers have in common: their contract, and how a gradient passes them."""

import math

import keras
import tensorflow as tf

ESTIMATORS = ("straight_through", "rotation")
TINY = 1e-6  # a shorter vector points nowhere


class Quantizer(keras.layers.Layer):
    """A layer that puts one of finitely many vectors in the place of each vector of its input.

    Call: ``z`` [B, ..., D]; ``sample_weight`` [B] weighs examples in losses and averages. Returns
    a dict of

    - ``quantized`` [B, ..., D], of z's type: the vectors that stand for z; its gradient goes to z;
    - ``codes`` int32 [B, ..., *code_shape]: their numbers;
    - ``codebook_loss``, float32 scalar: how far the codebook is from z; moves the codebook alone;
    - ``commitment_loss``, float32 scalar: how far z is from the codebook; moves z alone. Its weight
      is the caller's. Both are means over all elements, 0 of a quantiser that needs none.

    All arithmetic is float32 whatever the compute type. With ``training=True`` what learns without
    a gradient moves, unless the layer's ``trainable`` is False; under ``tf.distribute`` by the
    sums of all replicas.

    A subclass sets

    - ``codes``: how many values a code has, 0 ... codes - 1;
    - ``code_shape``: of the codes of one vector, () or (N,);
    - ``width``: the only D that it takes, or None;
    - ``by_gradient``: whether ``codebook_loss`` is to be minimised (else it is a figure);
    - ``needs_start``: whether ``start_from(z)`` is to be called once before training.
    """

    code_shape = ()
    width = None
    by_gradient = False
    needs_start = False

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)  # else z would be rounded to the compute type

    @property
    def bits(self):
        """What the codes of one vector can tell: log2 of how many there are."""
        return math.prod(self.code_shape) * math.log2(self.codes)

    def lookup(self, codes):
        """Codes, int [B, ..., *code_shape] -> their vectors, float32 [B, ..., D].

        Raises: tf.errors.InvalidArgumentError for codes out of range.
        """
        raise NotImplementedError


def checked_codes(codes, size):
    """Codes as int32. Raises: tf.errors.InvalidArgumentError unless all lie in 0 ... size - 1."""
    codes = tf.cast(codes, tf.int32)
    check = tf.debugging.Assert(  # a gather on a GPU would give zeros
        tf.reduce_all((codes >= 0) & (codes < size)),
        [f"codes must lie in 0 ... {size - 1}, got", codes],
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(codes)


def estimated(z, vectors, estimator="straight_through"):
    """``vectors`` to the bit, float32 [..., D], with a gradient to ``z``, float32 [..., D].

    ``"straight_through"`` passes the gradient on as it is (Bengio et al. 2013; van den Oord et al.
    2017). ``"rotation"`` turns and scales it as z would have to be to become the vector (Fifty
    et al. 2024, section 4.2), so that its angle to the vector is afterwards its angle to z.
    """
    moved = _rotated(z, tf.stop_gradient(vectors)) if estimator == "rotation" else z
    # not z + sg(vectors - z): that rounds a small vector to the scale of z
    return tf.stop_gradient(vectors) + (moved - tf.stop_gradient(moved))


def _rotated(z, vectors):
    """``|e| / |z| R z``, which is ``e``; R and the scale are constants to the gradient.

    With both normalised and r their sum, normalised: ``R = I - 2 r r^T + 2 e z^T``.
    """
    fixed = tf.stop_gradient(z)
    sizes = tf.norm(fixed, axis=-1, keepdims=True), tf.norm(vectors, axis=-1, keepdims=True)
    safe = [tf.maximum(size, TINY) for size in sizes]
    start, end = fixed / safe[0], vectors / safe[1]
    middle = start + end
    middle /= tf.maximum(tf.norm(middle, axis=-1, keepdims=True), TINY)

    def along(direction):
        return tf.reduce_sum(direction * z, axis=-1, keepdims=True)

    turned = z - 2.0 * middle * along(middle) + 2.0 * end * along(start)
    # no angle where one is 0: straight through
    defined = (sizes[0] > TINY) & (sizes[1] > TINY)
    return tf.where(defined, safe[1] / safe[0] * turned, z)
