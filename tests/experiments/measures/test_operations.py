"""Operations are counted as one does by hand."""

import tensorflow as tf

from experiments.measures.operations import operations


def test_operations_are_those_of_convolutions_and_products_and_their_gradients():
    kernel, matrix = tf.Variable(tf.ones([3, 3, 2, 4])), tf.Variable(tf.ones([8 * 8 * 4, 5]))

    def train_step(images):  # [2, 8, 8, 2]
        with tf.GradientTape() as tape:
            x = tf.nn.conv2d(images, kernel, 1, "SAME")
            loss = tf.reduce_sum(tf.matmul(tf.reshape(x, [2, -1]), matrix) ** 2)
        return tape.gradient(loss, [kernel, matrix])

    convolution = 2 * (2 * 8 * 8 * 4) * (3 * 3 * 2)  # forwards, and its kernel's gradient
    product = 2 * 2 * (8 * 8 * 4) * 5  # forwards, and both gradients
    graph = tf.function(train_step).get_concrete_function(tf.ones([2, 8, 8, 2])).graph
    assert operations(graph) == 2 * convolution + 3 * product


def test_what_is_done_in_some_steps_alone_is_counted_for_its_share():
    kernel = tf.Variable(tf.ones([3, 3, 2, 4]))

    def train_step(images, step):  # [2, 8, 8, 2]
        with tf.GradientTape() as tape:
            loss = tf.cond(
                step % 4 == 0,
                lambda: tf.reduce_sum(tf.nn.conv2d(images, kernel, 1, "SAME")),
                lambda: 0.0,
            )
        return loss, tape.gradient(loss, kernel)

    convolution = 2 * (2 * 8 * 8 * 4) * (3 * 3 * 2)
    graph = tf.function(train_step).get_concrete_function(tf.ones([2, 8, 8, 2]), tf.constant(0))
    assert operations(graph.graph) == 0
    assert operations(graph.graph, conditional=1 / 4) == 2 * convolution / 4  # and its gradient
