"""The command that translates images without a target: sizes, names, bad files, mistakes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from experiments.launch.cli import DONE, PARTLY
from experiments.launch.errors import UsageError
from experiments.launch.saved_models import load_saved_model
from experiments.translate import Config, run
from experiments.use.translate import Translator, png_names
from tf_gen import ResNetGenerator, UNetGenerator
from tf_gen.data.reading import resize
from tf_gen.export import export_pix2pix

ROOT = Path(__file__).parents[3]
SIZE = MULTIPLE = 16
SIZES = [(37, 21), (5, 3), (1, 1), (16, 16), (1, 40)]  # height, width


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """Return a run folder with nothing but its saved_model/: a tiny U-Net, its weights large
    enough that each input shows in the output."""
    generator = UNetGenerator(filters=2, depth=4)
    generator.build((None, None, None, 3))
    rng = np.random.default_rng(0)
    for weight in generator.trainable_variables:
        weight.assign(weight + rng.normal(0, 0.3, weight.shape))
    folder = tmp_path_factory.mktemp("run")
    export_pix2pix(generator, folder / "saved_model", image_size=SIZE)
    return folder


@pytest.fixture(scope="module")
def model(run_dir):
    """Return the loaded SavedModel."""
    return tf.saved_model.load(str(run_dir / "saved_model"))


@pytest.fixture
def folder(tmp_path):
    """Return an empty input folder."""
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def translate(run_dir, model, folder, monkeypatch):
    """Return the command with the tiny model, the input and the output folder filled in."""

    def load(option, path, *wanted):  # the tiny model is loaded once for all tests
        return model if path == run_dir else load_saved_model(option, path, *wanted)

    def call(**options):
        monkeypatch.setattr("experiments.use.translate.load_saved_model", load)
        given = {"model": run_dir, "input": folder, "output": folder.parent / "out"}
        return run(Config(**given | options))

    return call


def draw(height, width, channels=3, seed=0):
    """Return an image of noise, uint8 [height, width, channels]."""
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(image, path):
    """Write an array or a Pillow image to a file, its folder made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path)
    return path


def read(path):
    """Return a file's pixels, which must be those of an RGB PNG, as they are."""
    with Image.open(path) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def files_in(folder):
    """Return the paths of all files below a folder, relative to it."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def as_levels(images):
    """Return [1, H, W, 3] in [0, 1] as uint8 [H, W, 3]."""
    return np.rint(images[0].numpy() * 255).astype(np.uint8)


def as_input(image):
    """Return uint8 [H, W, 3] as float32 [1, H, W, 3] in [0, 1]."""
    return image[None].astype(np.float32) / np.float32(255)


def reflected(length, total):
    """Return the indices that reflect 0 ... length - 1 up to a total, edges not repeated."""
    there_and_back = [*range(length), *range(length - 2, 0, -1)]
    return [there_and_back[i % len(there_and_back)] for i in range(total)]


def noise_of_all_sizes(folder):
    """Save an image of each of SIZES and return them by name."""
    images = {f"{h}x{w}.png": draw(h, w) for h, w in SIZES}
    for name, image in images.items():
        save(image, folder / name)
    return images


def test_resize_translates_at_the_models_size_and_keeps_the_images_own(translate, folder, model):
    images = noise_of_all_sizes(folder)
    assert translate(sizing="resize") == DONE
    for name, image in images.items():
        small = as_levels(model.translate(as_input(resize(image, SIZE, SIZE))))
        made = read(folder.parent / "out" / name)
        np.testing.assert_array_equal(made, resize(small, *image.shape[:2]), strict=True)


def test_pad_translates_the_reflected_image_and_keeps_the_size(translate, folder, model):
    images = noise_of_all_sizes(folder)
    assert translate(sizing="pad") == DONE
    for name, image in images.items():
        height, width = image.shape[:2]
        rows = reflected(height, -(-height // MULTIPLE) * MULTIPLE)
        columns = reflected(width, -(-width // MULTIPLE) * MULTIPLE)
        padded = image[rows][:, columns]
        by_numpy = np.pad(
            image, ((0, len(rows) - height), (0, len(columns) - width), (0, 0)), mode="reflect"
        )
        np.testing.assert_array_equal(padded, by_numpy)
        expected = as_levels(model.translate(as_input(padded)))[:height, :width]
        made = read(folder.parent / "out" / name)
        np.testing.assert_array_equal(made, expected, strict=True)


def test_different_images_give_different_translations(translate, folder):
    save(draw(16, 16, seed=1), folder / "a.png")
    save(draw(16, 16, seed=2), folder / "b.png")
    translate()
    a, b = (read(folder.parent / "out" / name).astype(int) for name in ("a.png", "b.png"))
    assert np.abs(a - b).mean() > 1


def test_grey_palette_and_transparent_images_are_translated_as_rgb(translate, folder):
    rgba = draw(9, 7, 4)
    rgba[..., 3] = 0
    rgb = Image.fromarray(draw(9, 7))
    grey, palette = rgb.convert("L"), rgb.quantize(8)
    for name, image in {"grey": grey, "palette": palette, "clear": Image.fromarray(rgba)}.items():
        save(image, folder / f"{name}.png")
    save(grey.convert("RGB"), folder / "grey_rgb.png")
    save(palette.convert("RGB"), folder / "palette_rgb.png")
    save(np.full((9, 7, 3), 255, np.uint8), folder / "clear_rgb.png")
    assert translate() == DONE
    for name in ("grey", "palette", "clear"):
        made = [read(folder.parent / "out" / f"{name}{suffix}.png") for suffix in ("", "_rgb")]
        np.testing.assert_array_equal(*made)


def test_nested_folders_keep_their_paths(translate, folder):
    for name in ("a.png", "one/a.jpg", "one/two/b.bmp"):
        save(draw(4, 4), folder / name)
    (folder / "one/notes.txt").write_text("no image")
    translate()
    assert files_in(folder.parent / "out") == ["a.png", "one/a.png", "one/two/b.png"]


def test_files_that_would_get_one_name_keep_their_whole_names(translate, folder):
    for name in ("a.jpg", "a.png", "b.jpg", "one/a.jpg"):
        save(draw(4, 4), folder / name)
    translate()
    expected = ["a.jpg.png", "a.png.png", "b.png", "one/a.png"]
    assert files_in(folder.parent / "out") == expected


def test_whole_names_do_not_clash_in_their_turn():
    names = ["a.jpg", "a.png", "a.jpg.webp", "B.png", "b.gif"]
    expected = ["a.jpg.png", "a.png.png", "a.jpg.webp.png", "B.png.png", "b.gif.png"]
    assert png_names(names) == expected


def test_one_file_is_translated_alone(translate, folder):
    save(draw(4, 4), folder / "a.jpg")
    save(draw(4, 4), folder / "b.jpg")
    assert translate(input=folder / "a.jpg") == DONE
    assert files_in(folder.parent / "out") == ["a.png"]


def test_a_saved_model_needs_no_run_around_it(translate, folder, run_dir):
    save(draw(4, 4), folder / "a.png")
    assert translate(model=run_dir / "saved_model") == DONE
    assert files_in(folder.parent / "out") == ["a.png"]


def test_links_in_a_circle_are_followed_once(translate, folder):
    save(draw(4, 4), folder / "one/a.png")
    (folder / "one/back").symlink_to(folder)
    translate()
    assert files_in(folder.parent / "out") == ["one/a.png"]


def test_an_output_folder_within_the_input_is_not_translated_again(translate, folder):
    save(draw(4, 4), folder / "a.png")
    for _ in range(2):
        assert translate(output=folder / "out") == DONE
    assert files_in(folder) == ["a.png", "out/a.png"]


def test_a_noise_seed_repeats_and_each_image_has_its_own_noise(translate, folder, model):
    image = draw(16, 16)
    save(image, folder / "1.png")
    save(image, folder / "2.png")
    for output in ("once", "again"):
        translate(output=folder.parent / output, noise_seed=7)
    first, again, second = (
        read(folder.parent / name) for name in ("once/1.png", "again/1.png", "once/2.png")
    )
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()
    expected = as_levels(model.translate_noisy(as_input(image), tf.constant([7, 1])))
    np.testing.assert_array_equal(second, expected)


def test_a_bad_file_among_good_ones_is_named_and_the_good_ones_are_done(run_dir, folder):
    save(draw(20, 30), folder / "a.jpg")
    save(draw(20, 30), folder / "c.png")
    (folder / "deep").mkdir()
    (folder / "deep/cut.png").write_bytes((folder / "c.png").read_bytes()[:200])
    output = folder.parent / "out"
    done = subprocess.run(
        [sys.executable, "-m", "experiments.translate",
         "--model", run_dir, "--input", folder, "--output", output],
        cwd=ROOT, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == PARTLY
    assert files_in(output) == ["a.png", "c.png"]
    assert "2 of 3 images translated" in done.stdout
    assert "translate: 100%|" in done.stdout and " 3/3 [" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("translate: left out: deep/cut.png: not a readable image")


def test_bad_files_alone_are_done_in_part_too(translate, folder, capsys):
    (folder / "a.jpg").write_text("no image")
    (folder / "b.png").symlink_to(folder / "nowhere")
    (folder / "c.png").symlink_to(folder / "c.png")
    assert translate() == PARTLY
    assert files_in(folder.parent / "out") == []
    errors = capsys.readouterr().err
    assert "c.png: No such file" in errors
    assert "a.jpg: not a readable image" in errors
    assert "b.png: No such file" in errors


def test_an_image_too_large_for_the_memory_is_left_out(translate, folder, monkeypatch, capsys):
    def no_memory(image, multiple):
        if image.shape[0] > 10:
            raise MemoryError
        return np.pad(image, ((0, 12), (0, 12), (0, 0)))

    monkeypatch.setattr("experiments.use.translate.pad", no_memory)
    save(draw(11, 4), folder / "large.png")
    save(draw(4, 4), folder / "small.png")
    assert translate(sizing="pad") == PARTLY
    assert files_in(folder.parent / "out") == ["small.png"]
    assert "large.png: too large" in capsys.readouterr().err


@pytest.mark.slow  # what refuses it: tests/export/test_pix2pix.py
def test_an_image_too_small_for_a_generator_that_mirrors_its_edges_is_left_out(
    folder, tmp_path, capsys
):
    generator = ResNetGenerator(2, 1, 1)
    generator.build((None, None, None, 3))
    export_pix2pix(generator, tmp_path / "saved_model", image_size=8)
    save(draw(1, 6), folder / "low.png")
    save(draw(5, 6), folder / "large.png")
    given = {"model": tmp_path, "input": folder, "output": tmp_path / "out"}
    assert run(Config(**given, sizing="pad")) == PARTLY
    assert read(tmp_path / "out/large.png").shape == (5, 6, 3)
    assert "low.png: too small for the model; give --sizing resize" in capsys.readouterr().err
    assert run(Config(**given)) == DONE


def test_a_write_that_fails_leaves_the_old_file_whole(translate, folder, monkeypatch):
    def no_space(source, target):
        raise OSError(28, "No space left on device")

    save(draw(4, 4), folder / "a.png")
    translate()
    before = (folder.parent / "out/a.png").read_bytes()
    save(draw(4, 4, seed=1), folder / "a.png")
    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OSError, match="No space"):
        translate()
    assert files_in(folder.parent / "out") == ["a.png"]
    assert (folder.parent / "out/a.png").read_bytes() == before


def refused(translate, **options):
    """Return the message of the UsageError with which the command must refuse: one line."""
    with pytest.raises(UsageError) as error:
        translate(**options)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_an_input_without_images_is_refused(translate, folder):
    (folder / "notes.txt").write_text("no image")
    assert "no images" in refused(translate)
    assert not (folder.parent / "out").exists()


def test_a_missing_input_is_refused(translate, folder):
    assert "--input" in refused(translate, input=folder / "nowhere")
    assert "--input" in refused(translate, input=folder / "nowhere.png")


def test_an_output_that_is_the_input_is_refused(translate, folder):
    before = save(draw(4, 4), folder / "a.png").read_bytes()
    (folder.parent / "link").symlink_to(folder)
    for output in (folder, folder / ".." / "in", folder.parent / "link"):
        assert "--output" in refused(translate, output=output)
        assert "--output" in refused(translate, output=output, input=folder / "a.png")
    assert (folder / "a.png").read_bytes() == before


def test_an_output_that_would_overwrite_an_input_is_refused(translate, folder):
    save(draw(4, 4), folder / "a.png")
    save(draw(4, 4), folder / "in/a.png")  # would become <parent>/in/a.png, the first
    assert "overwritten" in refused(translate, output=folder.parent)


def test_an_output_that_would_overwrite_a_file_of_the_users_is_refused(translate, folder):
    save(draw(4, 4), folder / "a.png")
    own = save(draw(4, 4), folder / "old" / "a.png")
    before = own.read_bytes()
    assert "old/a.png is there, and not by this" in refused(translate, output=folder / "old")
    assert own.read_bytes() == before
    own.write_text("no image")
    assert "old/a.png is there, and not by this" in refused(translate, output=folder / "old")


def test_an_output_that_cannot_be_written_is_refused(translate, folder):
    save(draw(4, 4), folder / "a.png")
    (folder.parent / "file").write_text("")
    for output in (folder.parent / "file", folder.parent / "file/out"):
        assert "--output" in refused(translate, output=output)


def test_what_is_no_model_is_refused(translate, folder, run_dir):
    image = save(draw(4, 4), folder / "a.png")
    broken = folder.parent / "broken"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes(b"not a graph")
    incomplete = folder.parent / "incomplete"
    shutil.copytree(run_dir / "saved_model", incomplete)
    shutil.rmtree(incomplete / "variables")
    for path in (folder, image, folder / "nowhere", broken, incomplete):
        assert "--model" in refused(translate, model=path)
    assert not (folder.parent / "out").exists()


def test_another_kind_of_saved_model_is_refused(translate, folder, tmp_path):
    save(draw(4, 4), folder / "a.png")
    other = tf.Module()
    other.sample = tf.function(lambda: tf.zeros([1, 4, 4, 3]), input_signature=[])
    tf.saved_model.save(other, str(tmp_path / "vae"))
    assert "no function sizes" in refused(translate, model=tmp_path / "vae")


def save_function(function, channels, folder):
    """Write a SavedModel that has the names of a pix2pix and this function to translate."""
    module = tf.Module()
    images = tf.TensorSpec([None, None, None, channels])
    module.translate = tf.function(function, input_signature=[images])
    module.sizes = tf.function(lambda: tf.constant([SIZE, MULTIPLE]), input_signature=[])
    tf.saved_model.save(module, str(folder))


@pytest.mark.parametrize(("taken", "made"), [(1, 3), (3, 2)])
def test_a_model_of_other_channels_is_refused(translate, folder, tmp_path, taken, made):
    save(draw(4, 4), folder / "a.png")
    save_function(lambda images: tf.repeat(images[..., :1], made, -1), taken, tmp_path / "model")
    assert "RGB" in refused(translate, model=tmp_path / "model")


@pytest.mark.parametrize(
    ("taken", "made", "mode"), [(1, 4, "RGBA"), pytest.param(4, 1, "L", marks=pytest.mark.slow)]
)
def test_grey_and_transparent_images_go_in_and_out(translate, folder, tmp_path, taken, made, mode):
    generator = UNetGenerator(filters=1, depth=3, output_channels=made)
    generator.build((None, None, None, taken))
    export_pix2pix(generator, tmp_path / "model", (8, 16), taken)
    save(draw(20, 30, 4), folder / "a.png")
    model = tf.saved_model.load(str(tmp_path / "model"))
    assert model.input_shape().numpy().tolist() == [8, 16, taken]
    assert translate(model=tmp_path / "model", sizing="pad") == DONE
    with Image.open(folder / "a.png") as image:
        given = np.asarray(image.convert("RGBA"))
        if taken == 1:
            white = Image.new("RGBA", image.size, "white")
            given = np.asarray(Image.alpha_composite(white, image).convert("L"))[..., None]
    padded = np.pad(given, ((0, 4), (0, 2), (0, 0)), "reflect")[None] / np.float32(255)
    expected = np.rint(model.translate(padded)[0, :20, :30] * 255)
    with Image.open(folder.parent / "out" / "a.png") as image:
        assert image.mode == mode
        np.testing.assert_array_equal(np.atleast_3d(image), expected)


@pytest.mark.parametrize("sizing", ["resize", "tile"])
def test_many_at_once_are_as_one_by_one(translate, folder, sizing):
    for i, (height, width) in enumerate([(20, 30), (16, 16), (33, 18)]):
        save(draw(height, width, seed=i), folder / f"{i}.png")
    for many in (1, 2, 3):
        out = folder.parent / f"out{many}"
        assert translate(output=out, sizing=sizing, batch_size=many) == DONE
    for i in range(3):
        one, *others = (read(folder.parent / f"out{n}" / f"{i}.png") for n in (1, 2, 3))
        for other in others:  # products of other sizes round otherwise
            np.testing.assert_allclose(one.astype(int), other, atol=1)


def test_what_is_too_much_at_once_goes_one_by_one(translate, folder, monkeypatch):
    def refuse(self, images, first, call=Translator.__call__):
        if len(images) > 1 or images[0].shape[0] > 20:
            raise MemoryError
        return call(self, images, first)

    monkeypatch.setattr(Translator, "__call__", refuse)
    for i in range(3):
        save(draw(20 + i // 2, 20), folder / f"{i}.png")
    assert translate(batch_size=2) == PARTLY
    assert sorted(path.name for path in (folder.parent / "out").iterdir()) == ["0.png", "1.png"]


def test_what_is_too_large_to_be_decoded_is_named(translate, folder, monkeypatch, capsys):
    def refuse(self, data, name, call=Translator.decode):
        if name == "1.png":
            raise MemoryError
        return call(self, data, name)

    monkeypatch.setattr(Translator, "decode", refuse)
    for i in range(3):
        save(draw(8, 8), folder / f"{i}.png")
    assert translate() == PARTLY
    assert "left out: 1.png: too large for the memory" in capsys.readouterr().err
    assert sorted(path.name for path in (folder.parent / "out").iterdir()) == ["0.png", "2.png"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sizing": "tile", "overlap": SIZE}, "--overlap 16: as large as a tile"),
        ({"overlap": 4}, "--overlap"),
        ({"sizing": "tile", "noise_seed": 1}, "--noise-seed"),
        ({"sizing": "pad", "batch_size": 2}, "--batch-size"),
        ({"batch_size": 0}, "--batch-size 0"),
    ],
)
def test_options_that_do_not_go_together_are_refused(translate, folder, options, said):
    save(draw(4, 4), folder / "a.png")
    assert said in refused(translate, **options)


def test_a_model_that_is_not_finite_is_refused(translate, folder, tmp_path):
    save(draw(4, 4), folder / "a.png")
    save_function(lambda images: images / 0.0, 3, tmp_path / "model")
    assert "not finite" in refused(translate, model=tmp_path / "model")


def test_a_noise_seed_out_of_range_is_refused(translate):
    for seed in (-1, 2**31):
        assert "--noise-seed" in refused(translate, noise_seed=seed)


def test_help_needs_no_tensorflow():
    code = (
        "import sys, runpy; sys.argv = ['translate', '--help']\n"
        "try: runpy.run_module('experiments.translate', run_name='__main__')\n"
        "except SystemExit: print('tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "--noise-seed" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"
