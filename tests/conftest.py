"""Shared by all tests: quiet TensorFlow, and small models that train in milliseconds."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the scripts do
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import numpy as np
import pytest

# TensorFlow is imported where it is used: the process that hands the tests out needs none.


def pytest_configure(config):
    """Hide GPUs from all tests but those that are for one (``-m gpu``): they compare to rounding,
    and a GPU multiplies in TF32 and adds in an order of its own."""
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        return
    import tensorflow as tf

    if config.option.markexpr != "gpu":
        tf.config.set_visible_devices([], "GPU")
    (processor,) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2  # for ``two_replicas``; nothing else asks
    tf.config.set_logical_device_configuration(processor, two)


SIZE = 32


@pytest.fixture(scope="session")
def make_pix2pix():
    """(options of Pix2Pix) -> a built, compiled model for 32 x 32 images, always the same."""

    import keras

    from tf_gen import PatchDiscriminator, Pix2Pix, UNetGenerator

    def make(compiled=True, normalization="batch", dtype=None, depth=2, **options):
        keras.utils.set_random_seed(7)
        shared = {"normalization": normalization, "dtype": dtype}
        model = Pix2Pix(
            UNetGenerator(filters=4, depth=depth, name="generator", **shared),
            PatchDiscriminator(filters=4, receptive_field=16, name="discriminator", **shared),
            **options,
        )
        if compiled:
            model.compile()
            model.build((None, SIZE, SIZE, 3))
            model.build_optimizers()
        return model

    return make


@pytest.fixture(scope="session")
def two_replicas():
    """A strategy that trains on two devices, the halves of the processor."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(scope="session")
def halved(two_replicas):
    """(batch) -> what each of the two replicas gets of it."""

    import tensorflow as tf

    def split(batch):
        halves = [tf.constant(half) for half in np.split(batch, 2)]
        return two_replicas.experimental_distribute_values_from_function(
            lambda context: halves[context.replica_id_in_sync_group]
        )

    return split


@pytest.fixture(scope="session")
def pairs():
    """(inputs, targets): float32 [8, 32, 32, 3] each, in [-1, 1]."""
    draw = np.random.default_rng(0).uniform(-1, 1, (2, 8, SIZE, SIZE, 3)).astype(np.float32)
    draw.flags.writeable = False
    return draw[0], draw[1]


@pytest.fixture(scope="session")
def inception_weights():
    """Of the stand-in below: float32 [1, 1, 3, 48]; as many features as the published one's 2,048
    make distances slow."""
    return np.random.default_rng(0).normal(size=(1, 1, 3, 48)).astype(np.float32)


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory, inception_weights):
    """A graph with the names of the published one: an image made a batch of one, resized,
    pooled."""
    import tensorflow as tf

    path = tmp_path_factory.mktemp("inception") / "classify_image_graph_def.pb"
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [None, None, 3], "Cast")
        images = tf.expand_dims(image, 0, name="ExpandDims")
        resized = tf.compat.v1.image.resize_bilinear(images, [299, 299], name="ResizeBilinear")
        mean = tf.reduce_mean(resized, [1, 2], keepdims=True)  # before the features: they are many
        pool = tf.nn.conv2d(mean, inception_weights, 1, "VALID", name="pool_3")
        tf.reshape(pool, [1, 48], name="pool_3/_reshape")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path
