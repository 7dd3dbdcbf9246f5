"""The figures of a prior over codes, from a model or its SavedModel."""

import time

import numpy as np
import tensorflow as tf

from experiments.measures.asked import named
from experiments.measures.autoencoders import sample_distances
from tf_gen.data.images import to_levels
from tf_gen.evaluation import codes as evaluation
from tf_gen.evaluation.autoencoders import in_batches

TIMED = 64  # grids drawn at a time
COMPARED = 100  # images whose nearest training image is looked for


def code_prior_figures(model, data, options, asked) -> dict[str, float]:
    """When training ends, and by ``evaluate``: held-out likelihood of codes beside what counting
    gives, how long a sample takes, and how far generated images lie from real ones."""
    train, chosen = data.train.images, getattr(data, asked.split).images
    seen, codes = (in_batches(model.encode, images) for images in (train, chosen))
    nats = -float(np.mean(in_batches(model.log_prob, codes))) / codes[0].size
    bits = {
        "bits_per_code": nats / np.log(2.0),
        "bits_unigram": evaluation.unigram_bits(seen, codes, options.codes),
        "bits_neighbours": evaluation.neighbour_bits(seen, codes, options.codes),
        "bits_uniform": np.log2(options.codes),
    }

    seed = asked.seed_of(options)

    def sample(count):
        return model.sample(tf.constant(count), [seed, 1])

    return {
        **named("val", {"loss": nats, **bits}),
        "val_bits_per_image": float(bits["bits_per_code"] * codes[0].size),
        "sample_seconds": _seconds(lambda: sample(TIMED)) / TIMED,
        **_nearest(sample(COMPARED).numpy(), data.val.images[:COMPARED], train),
        **sample_distances(asked, model, chosen, tf.constant, seed),
    }


def _seconds(draw) -> float:
    """How long a call takes; not the first, which traces."""
    draw()
    began = time.perf_counter()
    draw()
    return time.perf_counter() - began


def _nearest(generated, held_out, train):
    """Whether it draws what it has seen: the mean squared error from generated and from held-out
    images to the nearest training image each."""
    return {
        f"nearest_mse{suffix}": float(np.mean(nearest(images, train)[1]))
        for suffix, images in (("", to_levels(generated)), ("_real", held_out))
    }


def nearest(images, train):
    """(the place of the nearest training image, its mean squared error in [0, 1]) of each image,
    all uint8 [N, H, W, C]: int and float32 [N]."""
    flat = tf.constant(images.reshape(len(images), -1), tf.float32) / 255.0  # [N, D]

    def distances(some):
        some = tf.reshape(some, [tf.shape(some)[0], -1])
        products = tf.matmul(some, flat, transpose_b=True)
        return tf.reduce_sum(some**2, 1)[:, None] - 2.0 * products  # |t|^2 - 2 t x

    found = in_batches(distances, train)  # [training images, N]
    least = found.min(axis=0) + tf.reduce_sum(flat**2, 1).numpy()
    return found.argmin(axis=0), np.maximum(least, 0.0) / flat.shape[1]


def bits_by_place(model, codes) -> np.ndarray:
    """Held-out bits a code at each place of the grid, int [N, h, w] -> float32 [h, w].

    Args: model: a ``CodePrior``.
    """

    def bits(some):
        logits = model(some)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(some, logits) / np.log(2.0)

    return np.mean(in_batches(bits, codes), axis=0)
