"""What goes into a SavedModel, checked in its graph: no Python of ours runs there."""

import tensorflow as tf

LOWEST, HIGHEST = -0.5, 1.5  # resizing overshoots [0, 1] by less, images of other ranges by more


def in_unit_range(images):
    """The same images; running the graph fails where their values are plainly not in [0, 1].

    A signature makes floats of any array that it is given, of 8-bit images, too.
    """
    least, most = tf.reduce_min(images), tf.reduce_max(images)
    told = [  # not one string made of them: XLA compiles no tf.strings, but passes over Assert
        "images lie between", least, "and", most,
        "but the model takes [0, 1]: divide 8-bit images by 255",
    ]  # fmt: skip
    return _after(tf.debugging.Assert((least >= LOWEST) & (most <= HIGHEST), told), images)


def of_multiples(images, multiple, least=0):
    """The same images; running the graph fails where a side is no multiple of that, or less than
    the least."""
    told = f"height and width must be multiples of {multiple}"
    told += f" from {least} on" if least > multiple else ""
    sides = tf.shape(images)[1:3]
    fit = tf.reduce_all((sides % multiple == 0) & (sides >= least))
    return _after(tf.debugging.Assert(fit, [told]), images)


def not_negative(temperature):
    """The same temperature; running the graph fails if it is below 0."""
    told = ["temperature", temperature, "must be at least 0"]
    return _after(tf.debugging.Assert(temperature >= 0.0, told), temperature)


def _after(check, value):
    with tf.control_dependencies([check]):
        return tf.identity(value)
