"""What TensorBoard's projector is given."""

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig

from tf_gen.evaluation.projector import write_projector


def test_the_projector_finds_latents_names_and_thumbnails(tmp_path):
    latents = np.random.default_rng(0).normal(size=(5, 3))
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 64, 64, 3), np.uint8)
    write_projector(tmp_path / "logs", latents, images, ["a", "b\tc", "d\ne", "", "f"])
    text = (tmp_path / "logs" / "projector_config.pbtxt").read_text()
    (shown,) = text_format.Parse(text, ProjectorConfig()).embeddings
    found = np.loadtxt(tmp_path / "logs" / shown.tensor_path, delimiter="\t")
    np.testing.assert_allclose(found, latents, rtol=1e-4)
    names = (tmp_path / "logs" / shown.metadata_path).read_text().split("\n")[:-1]
    assert names == ["a", "b c", "d e", "-", "f"]  # one line each, however odd the name
    sprite = np.asarray(Image.open(tmp_path / "logs" / shown.sprite.image_path))
    width, height = shown.sprite.single_image_dim
    assert sprite.shape == (3 * height, 3 * width, 3)  # a square of 3 x 3 holds five
    assert (sprite[height : 2 * height, :width] == 3).all()  # the fourth begins the second row
