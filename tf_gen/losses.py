"""The terms of all losses, as pure functions of tensors, in float32; a scalar where nothing else is
said. Each model's own file adds up what it minimises.

Adversarial losses take logits (what a discriminator returns) of any shape and average over
all of them: batch, patches and channels alike. ``sigmoid(logits)`` is the D of the formulas.
Several discriminators' logits, in any nest, give the sum of each one's (Wang et al. 2018, eq. 3).
"""

import tensorflow as tf

from tf_gen.errors import check_choice
from tf_gen.replicas import all_reduce_mean

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
    check_choice("adversarial_loss", kind, ADVERSARIAL)
    if kind == "least_squares":
        of_real, of_fake = lambda x: tf.square(x - 1.0) / 2.0, lambda x: tf.square(x) / 2.0
    elif kind == "hinge":
        of_real, of_fake = lambda x: tf.nn.relu(1.0 - x), lambda x: tf.nn.relu(1.0 + x)
    else:
        of_real, of_fake = lambda x: tf.nn.softplus(-x), tf.nn.softplus
    return _total(of_real, real_logits), _total(of_fake, fake_logits)


def generator_term(kind: str, fake_logits):
    """What the generator minimises against the discriminator.

    ``minimax``: ``E[log(1 - D(fake))]``, at most 0 (the report's step 5);
    ``non_saturating``: ``-E[log D(fake)]`` (Isola et al. 2017, section 3.3);
    ``least_squares``: ``E[(fake - 1)^2]/2``; ``hinge``: ``-E[fake]``.

    Raises: ValueError for an unknown kind.
    """
    check_choice("adversarial_loss", kind, ADVERSARIAL)
    term = {
        "minimax": lambda x: -tf.nn.softplus(x),
        "non_saturating": lambda x: tf.nn.softplus(-x),
        "least_squares": lambda x: tf.square(x - 1.0) / 2.0,
        "hinge": lambda x: -x,
    }[kind]
    return _total(term, fake_logits)


def reconstruction(kind: str, targets, outputs):
    """``E|y - G|`` (``l1``: the report, R2.1) or ``E(y - G)^2`` (``l2``), over all elements.

    Both tensors have one shape and, in pix2pix, lie in [-1, 1].
    Raises: ValueError for an unknown kind.
    """
    check_choice("reconstruction", kind, RECONSTRUCTION)
    difference = _float32(targets) - _float32(outputs)
    return tf.reduce_mean(tf.abs(difference) if kind == "l1" else tf.square(difference))


def feature_matching(real, fake):
    """``sum_i E|D_i(y) - D_i(G)|`` over a discriminator's layers i, of several discriminators their
    mean (Wang et al. 2018, eq. 4); towards the real images' features no gradient goes.

    Args: features of real images and of fakes: a list of [B, ...], or a list of such lists.
    """
    several = not tf.is_tensor(real[0])
    terms = [
        tf.reduce_mean(tf.abs(tf.stop_gradient(_float32(y)) - _float32(x)))
        for y, x in zip(tf.nest.flatten(real), tf.nest.flatten(fake), strict=True)
    ]
    return tf.add_n(terms) / (len(real) if several else 1)


def perceptual(real, fake):
    """``sum_i E|f_i(y) - f_i(G)|^2`` over the blocks i of a trained network, f a place's vector of
    length 1: LPIPS (Zhang et al. 2018, eq. 1) without weights of its channels.

    Args: maps of real images and of fakes (``tf_gen.metrics.hed_maps``), lists of [B, h, w, C].
    """
    terms = [
        tf.reduce_mean(tf.reduce_sum(tf.square(_float32(y) - _float32(x)), axis=-1))
        for y, x in zip(real, fake, strict=True)
    ]
    return tf.add_n(terms)


def gradient_penalty(judge, images):
    """``E|grad_y D(y)|^2 / 2`` at real images y, [B, H, W, C]: R1 (Mescheder et al. 2018, eq. 9).

    Args: judge: images -> logits, a tensor or a nest of them, whose sum is D.
    """
    images = tf.convert_to_tensor(images)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        total = tf.add_n([tf.reduce_sum(x) for x in tf.nest.flatten(judge(images))])
    gradients = _float32(tape.gradient(total, images))
    return 0.5 * tf.reduce_mean(tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3]))


def class_balanced_cross_entropy(logits, labels, shares=None):
    """``-log P(class)`` of the pixels of each class, in nats: its mean over the class, and of these
    the mean over all classes that there are (Sushko et al. 2021, eq. 1, 2).

    That is each pixel's by the inverse of its class's frequency. (The paper's equations sum over
    the classes; its program takes their mean.)

    Args: logits: [B, H, W, classes + 1], the last of which says fake; labels: one-hot
    [B, H, W, classes], zeros where there is no class; shares: of the pixels that each class has,
    [classes], where ``labels`` are but a part of them.
    """
    labels = _float32(labels)
    shares = tf.reduce_mean(labels, axis=[0, 1, 2]) if shares is None else shares
    present = tf.reduce_sum(tf.cast(shares > 0.0, tf.float32))
    nats = -tf.nn.log_softmax(_float32(logits))[..., :-1]
    by_class = tf.reduce_mean(labels * nats, axis=[0, 1, 2])  # [classes]
    return tf.math.divide_no_nan(tf.reduce_sum(tf.math.divide_no_nan(by_class, shares)), present)


def fake_cross_entropy(logits):
    """``-log P(fake)``, in nats, of all pixels (Sushko et al. 2021, eq. 1).

    Args: logits: [B, H, W, classes + 1], the last of which says fake.
    """
    return -tf.reduce_mean(tf.nn.log_softmax(_float32(logits))[..., -1])


def mixed(mask, real, fake):
    """What is real where a mask [B, H, W, 1] is 1, fake where it is 0: [B, H, W, C]."""
    return mask * real + (1.0 - mask) * fake


def label_mix(mask, mixed_logits, real_logits, fake_logits):
    """``E(D(mixed) - mixed(D(real), D(fake)))^2`` over pixels and logits (LabelMix, Sushko et al.
    2021, eq. 3). All three are the discriminator's, [B, H, W, C], float32."""
    return tf.reduce_mean(tf.square(mixed_logits - mixed(mask, real_logits, fake_logits)))


def binary_cross_entropy(images, logits):
    """``-log P(X|z)`` of independent Bernoulli pixels, in nats (the report, R1.1).

    Args: images: [B, ...] in [0, 1]; logits: the same shape, before the sigmoid.
    Returns: float32 [B], *summed* over pixels and channels. For grey levels between 0 and 1 its
    minimum is not 0 but the images' own entropy.
    """
    terms = tf.nn.sigmoid_cross_entropy_with_logits(_float32(images), _float32(logits))
    return tf.reduce_sum(terms, axis=tf.range(1, tf.rank(terms)))


def gaussian_kl(mean, log_var, axis=-1):
    """``KL(N(mean, exp(log_var)) || N(0, 1))`` = 1/2 (exp(S) + m^2 - 1 - S) (the report, R1.1).

    Args: mean, log_var: [..., D]; axis: what is *summed* over; () keeps each latent's own.
    Returns: float32 [...], in nats.
    """
    mean, log_var = _float32(mean), _float32(log_var)
    terms = 0.5 * (tf.exp(log_var) + tf.square(mean) - 1.0 - log_var)
    return tf.reduce_sum(terms, axis=axis)


def free_bits(kl_by_latent, least):
    """The KL term with ``least`` nats of each latent for nothing (Kingma et al. 2016, eq. 15):
    where it has less, nothing pulls it to 0.

    Args: kl_by_latent: [D], a batch's means, on several replicas of each one's share, where those
    of all say which latents have less; least: lambda, 0 for none. Returns: float32 scalar.
    """
    if not least:
        return tf.reduce_sum(kl_by_latent)
    (of_all,) = all_reduce_mean([kl_by_latent])
    return tf.reduce_sum(tf.where(of_all >= least, kl_by_latent, least))


def importance_weighted_bound(log_likelihood, draw, mean, log_var, samples):
    """A lower bound of ``log P(X)``, in nats: the logarithm of the mean over draws of z from
    Q(z|X) = N(mean, exp(log_var)) of ``P(X|z) P(z) / Q(z|X)`` (Burda et al. 2015, eq. 8).

    With one draw it is that draw's ELBO; it rises with their number. Draws are made one after the
    other, so memory does not.

    Args: log_likelihood: z [B, D] -> [B]; draw: the number of a draw -> z [B, D]; mean, log_var:
        [B, D]; samples: how many draws.
    Returns: float32 [B].
    """

    def add(total, number):
        z = draw(number)
        # the normal densities' constants cancel
        prior, posterior = tf.square(z), tf.square(z - mean) * tf.exp(-log_var) + log_var
        weight = log_likelihood(z) + 0.5 * tf.reduce_sum(posterior - prior, axis=-1)
        return tf.reduce_logsumexp([total, weight], axis=0)

    start = tf.fill(tf.shape(mean)[:1], float("-inf"))
    total = tf.foldl(add, tf.range(samples), start, parallel_iterations=1)
    return total - tf.math.log(tf.cast(samples, tf.float32))


def _float32(x):
    return tf.cast(x, tf.float32)


def _total(term, logits):
    """The sum over a nest's tensors of each one's mean term."""
    return tf.add_n([tf.reduce_mean(term(_float32(one))) for one in tf.nest.flatten(logits)])
