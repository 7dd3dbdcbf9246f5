"""How much latents carry."""

import numpy as np
import tensorflow as tf


def active_units(means, threshold=0.01):
    """How many latents carry something (Burda et al. 2016, section 5.3).

    Args: means: the posterior means z_mean of many images, [N, D].
    Returns: int32 scalar, the latents whose mean varies by more than ``threshold`` (a variance)
    over the images.
    """
    return tf.math.count_nonzero(tf.math.reduce_variance(means, axis=0) > threshold, dtype=tf.int32)


def mutual_information(means, log_vars, seed=0) -> float:
    """What a latent tells of which image it came from, in nats (Hoffman and Johnson 2016).

    I(n; z) = E[log q(z|x_n) - log 1/N sum_m q(z|x_m)], the mean over one z drawn for each image.
    It lies between 0 (the latents carry nothing; an estimate may be a little less) and log N (each
    image has its own region), so with few images it says little: compare it with log N.

    Args: means, log_vars: of the posteriors of N images, [N, D] each.
    """
    means, log_vars = np.asarray(means, np.float64), np.asarray(log_vars, np.float64)
    noise = np.random.default_rng(seed).standard_normal(means.shape)
    z = means + np.exp(log_vars / 2.0) * noise  # [N, D]
    log_q = np.empty((len(z), len(z)))  # of z_n under the posterior of x_m, less a constant
    for n, row in enumerate(z):
        log_q[n] = -0.5 * np.sum(log_vars + (row - means) ** 2 * np.exp(-log_vars), axis=1)
    highest = log_q.max(axis=1)
    log_mean = highest + np.log(np.mean(np.exp(log_q - highest[:, None]), axis=1))
    return float(np.mean(np.diag(log_q) - log_mean))
