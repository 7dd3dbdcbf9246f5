"""The SavedModel: what it computes, and that a process without this package can load it."""

import io
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_gen import ResNetGenerator, UNetGenerator
from tf_gen.data.reading import decode, resize
from tf_gen.export import export_pix2pix, translations
from tf_gen.layers import example_seeds

SIZE = 32
IMAGES = np.random.default_rng(0).uniform(0, 1, (3, SIZE, SIZE, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    generator = UNetGenerator(filters=4, depth=3)
    generator.build((None, None, None, 3))
    folder = tmp_path_factory.mktemp("export") / "saved_model"
    export_pix2pix(generator, folder, SIZE)
    return generator, folder, tf.saved_model.load(str(folder))


def from_generator(generator, images, **mode):
    return generator(images * 2 - 1, **mode).numpy() / 2 + 0.5


def test_translate_is_the_generator_with_fixed_statistics_and_no_noise(exported):
    generator, _, model = exported
    found = model.translate(IMAGES).numpy()
    np.testing.assert_allclose(found, from_generator(generator, IMAGES), atol=1e-6)
    assert found.dtype == np.float32 and found.min() >= 0 and found.max() <= 1


def test_translate_fixed_is_translate_without_what_stops_a_converter(exported):
    model = exported[2]
    np.testing.assert_allclose(model.translate_fixed(IMAGES), model.translate(IMAGES), atol=1e-6)
    assert {"If", "Assert", "EnsureShape"} <= kinds_of_nodes(model.signatures["translate"])
    found = kinds_of_nodes(model.signatures["translate_fixed"])
    assert not {kind for kind in found if re.search("If|Case|While|Assert|EnsureShape", kind)}
    assert "Conv2D" in found


def kinds_of_nodes(function):
    """Of its graph, and of all functions that this calls."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for called in graph.library.function for node in called.node_def)]
    return {node.op for node in nodes}


@pytest.mark.parametrize("count", [1, 3])
def test_an_image_does_not_depend_on_its_batch(exported, count):
    model = exported[2]
    np.testing.assert_allclose(
        model.translate(IMAGES[:count])[0], model.translate(IMAGES)[0], atol=1e-6
    )


def test_translate_noisy_is_the_reports_mode(exported):
    generator, _, model = exported
    seed = np.array([5, 6], np.int32)
    found = model.translate_noisy(IMAGES, seed).numpy()
    mode = {"dropout": True, "statistics": "batch", "seed": example_seeds(seed, 3)}
    np.testing.assert_allclose(found, from_generator(generator, IMAGES, **mode), atol=1e-5)
    np.testing.assert_array_equal(found, model.translate_noisy(IMAGES, seed))
    assert (found != model.translate_noisy(IMAGES, seed + 1).numpy()).any()


def test_the_functions_are_had_without_a_file_and_one_more_of_each_images_statistics(exported):
    generator, _, model = exported
    found = translations(generator, SIZE)
    np.testing.assert_allclose(found.translate(IMAGES), model.translate(IMAGES), atol=1e-6)
    assert found.sizes().numpy().tolist() == [SIZE, generator.factor]
    by_image = found.translate_image_statistics(IMAGES).numpy()
    expected = from_generator(generator, IMAGES, dropout=False, statistics="image")
    np.testing.assert_allclose(by_image, expected, atol=1e-5)
    alone = found.translate_image_statistics(IMAGES[:1])
    np.testing.assert_allclose(by_image[:1], alone, atol=1e-5)
    assert not hasattr(model, "translate_image_statistics")


def encoded(mode, size, kind="PNG"):
    rng = np.random.default_rng(1)
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    pixels = rng.integers(0, 256, (*size, channels), np.uint8).squeeze()
    stream = io.BytesIO()
    Image.fromarray(pixels, mode).save(stream, kind)
    return stream.getvalue()


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_translate_bytes_reads_resizes_and_writes_images(exported, mode):
    model, data = exported[2], [encoded(mode, (80, 50)), encoded(mode, (SIZE, SIZE))]
    found = model.translate_bytes(data).numpy()
    images = np.stack([resize(decode(d, "x"), SIZE, SIZE) for d in data]) / np.float32(255)
    expected = np.rint(model.translate(images).numpy() * 255)
    for png, image in zip(found, expected, strict=True):
        assert np.abs(np.asarray(Image.open(io.BytesIO(png))) - image).max() <= 2  # rounding


def test_translate_bytes_takes_and_makes_alpha():
    """Of a model that changes nothing."""
    same = translations(Same(), SIZE, input_channels=4)
    data = encoded("RGBA", (SIZE, SIZE))
    (png,) = same.translate_bytes([data]).numpy()
    np.testing.assert_array_equal(Image.open(io.BytesIO(png)), Image.open(io.BytesIO(data)))


class Same(tf.Module):
    """Stands for a generator."""

    factor, variables = 1, ()

    def __call__(self, images, **mode):
        return images


@pytest.mark.parametrize("channels, there", [(4, True), (5, False)])
def test_translate_bytes_is_left_out_where_no_png_file_has_the_channels(channels, there, tmp_path):
    export_pix2pix(Same(), tmp_path, SIZE, input_channels=channels)
    model = tf.saved_model.load(str(tmp_path))
    assert hasattr(model, "translate_bytes") == ("translate_bytes" in model.signatures) == there
    assert model.translate(np.zeros((1, 8, 8, channels), np.float32)).shape == (1, 8, 8, channels)


def test_sizes_that_do_not_fit_are_refused_with_the_multiple(exported):
    with pytest.raises(tf.errors.InvalidArgumentError, match="multiples of 8"):
        exported[2].translate(np.zeros((1, 36, SIZE, 3), np.float32))


def test_images_too_small_to_be_mirrored_are_refused_with_the_least():
    generator = ResNetGenerator(2, 1, 1)
    generator.build((None, SIZE, SIZE, 3))
    translate = translations(generator, SIZE).translate
    with pytest.raises(tf.errors.InvalidArgumentError, match="multiples of 2 from 4 on"):
        translate(np.zeros((1, 8, 2, 3), np.float32))
    assert translate(np.zeros((1, 8, 4, 3), np.float32)).shape == (1, 8, 4, 3)


BYTES = np.full((1, SIZE, SIZE, 3), 255, np.uint8)
REFUSED = (
    r"lie between\] \[{}\] \[and\] \[{}\] "
    r"\[but the model takes \[0, 1\]: divide 8-bit images by 255\]"
)


@pytest.mark.parametrize("name", ["serving_default", "translate", "translate_noisy"])
def test_values_of_another_range_are_refused_with_the_range(exported, name):
    """A signature makes floats of whatever it is given."""
    function = exported[2].signatures[name]
    seed = {"seed": tf.constant([1, 2])} if name == "translate_noisy" else {}
    for images, told in (
        (tf.constant(BYTES, tf.float32), REFUSED.format(255, 255)),
        (tf.constant(IMAGES * 2 - 1), REFUSED.format("-0.99.*", "0.99.*")),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match=told):
            function(images=images, **seed)
    for within in (-0.4, 1.4):  # what resizing may make
        assert np.isfinite(function(images=tf.fill(BYTES.shape, within), **seed)["outputs"]).all()


@pytest.mark.parametrize("name", ["translate", "translate_fixed"])
def test_xla_compiles_it(exported, name):
    """Which passes over the checks."""
    function = getattr(exported[2], name)
    found = tf.function(function, jit_compile=True)(IMAGES)
    np.testing.assert_allclose(found, function(IMAGES), atol=1e-5)


def test_any_multiple_is_translated(exported):
    assert exported[2].translate(np.zeros((1, 64, 40, 3), np.float32)).shape == (1, 64, 40, 3)


def test_gradients_pass_through(exported):
    images = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = tf.reduce_sum(exported[2].translate(images))
    assert np.abs(tape.gradient(loss, images).numpy()).max() > 0


ELSEWHERE = """
import sys
sys.modules["tf_gen"] = sys.modules["experiments"] = sys.modules["keras"] = None
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
assert set(model.signatures) == {
    "serving_default", "translate", "translate_fixed", "translate_noisy", "translate_bytes"
}
images = tf.constant(np.load(sys.argv[2]))
served = model.signatures["serving_default"](images)
assert list(served) == ["outputs"]
assert list(model.signatures["translate_fixed"](images)) == ["outputs"]
assert list(model.signatures["translate_noisy"](images=images, seed=[1, 2])) == ["outputs"]
png = tf.io.encode_png(tf.cast(images[0] * 255, tf.uint8))
assert list(model.signatures["translate_bytes"](image_bytes=[png])) == ["image_bytes"]
data = tf.data.Dataset.from_tensors(images).map(model.translate)
np.testing.assert_allclose(next(iter(data)), served["outputs"], atol=1e-6)
assert model.sizes().numpy().tolist() == [32, 8]
np.save(sys.argv[2], served["outputs"])
"""


def test_a_process_that_cannot_import_the_package_loads_it(exported, tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    subprocess.run(
        [sys.executable, "-c", ELSEWHERE, exported[1], tmp_path / "images.npy"],
        check=True, cwd=tmp_path,
    )  # fmt: skip
    found = np.load(tmp_path / "images.npy")
    np.testing.assert_allclose(found, exported[2].translate(IMAGES), atol=1e-6)
