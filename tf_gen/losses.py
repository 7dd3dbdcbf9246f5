"""Losses as pure functions of tensors; every one returns a float32 scalar.

Adversarial losses take logits (what a discriminator returns) of any shape and average over
all of them: batch, patches and channels alike. ``sigmoid(logits)`` is the D of the formulas.
"""

import tensorflow as tf

ADVERSARIAL = ("minimax", "non_saturating", "least_squares", "hinge")
RECONSTRUCTION = ("l1", "l2")


def discriminator_terms(kind: str, real_logits, fake_logits):
    """What the discriminator minimises: the sum of the two scalars returned.

    ``minimax`` and ``non_saturating`` share theirs, ``-E[log D(real)]`` and
    ``-E[log(1 - D(fake))]`` (Goodfellow et al. 2014, eq. 1; the report, R2.1);
    ``least_squares``: ``E[(real - 1)^2]/2``, ``E[fake^2]/2`` (Mao et al. 2017, eq. 9);
    ``hinge``: ``E[max(0, 1 - real)]``, ``E[max(0, 1 + fake)]`` (Lim and Ye 2017).

    Returns: (real term, fake term). Raises: ValueError for an unknown kind.
    """
    real, fake = _float32(real_logits), _float32(fake_logits)
    if kind in ("minimax", "non_saturating"):
        return _mean(tf.nn.softplus(-real)), _mean(tf.nn.softplus(fake))
    if kind == "least_squares":
        return _mean(tf.square(real - 1.0)) / 2.0, _mean(tf.square(fake)) / 2.0
    if kind == "hinge":
        return _mean(tf.nn.relu(1.0 - real)), _mean(tf.nn.relu(1.0 + fake))
    raise ValueError(f"adversarial loss {kind!r} is not one of {', '.join(ADVERSARIAL)}")


def generator_term(kind: str, fake_logits):
    """What the generator minimises against the discriminator.

    ``minimax``: ``E[log(1 - D(fake))]``, at most 0 (the report's step 5);
    ``non_saturating``: ``-E[log D(fake)]`` (Isola et al. 2017, section 3.3);
    ``least_squares``: ``E[(fake - 1)^2]/2``; ``hinge``: ``-E[fake]``.

    Raises: ValueError for an unknown kind.
    """
    fake = _float32(fake_logits)
    if kind == "minimax":
        return -_mean(tf.nn.softplus(fake))
    if kind == "non_saturating":
        return _mean(tf.nn.softplus(-fake))
    if kind == "least_squares":
        return _mean(tf.square(fake - 1.0)) / 2.0
    if kind == "hinge":
        return -_mean(fake)
    raise ValueError(f"adversarial loss {kind!r} is not one of {', '.join(ADVERSARIAL)}")


def reconstruction(kind: str, targets, outputs):
    """``E|y - G|`` (``l1``: the report, R2.1) or ``E(y - G)^2`` (``l2``), over all elements.

    Both tensors have one shape and, in pix2pix, lie in [-1, 1].
    Raises: ValueError for an unknown kind.
    """
    difference = _float32(targets) - _float32(outputs)
    if kind == "l1":
        return _mean(tf.abs(difference))
    if kind == "l2":
        return _mean(tf.square(difference))
    raise ValueError(f"reconstruction loss {kind!r} is not one of {', '.join(RECONSTRUCTION)}")


def _float32(x):
    return tf.cast(x, tf.float32)


def _mean(x):
    return tf.reduce_mean(x)
