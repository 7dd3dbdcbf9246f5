"""Label control: a classifier that saw real images, and the spread beside it."""

import numpy as np
import pytest

from tf_gen.evaluation import label_control


def stripes(count, label, seed):
    """Upright (0) or lying (1) stripes of random colours and phases: uint8 [count, 16, 16, 3]."""
    rng = np.random.default_rng([seed, label])
    waves = np.sin(np.arange(16) * 1.2 + rng.uniform(0, 6, (count, 1)))[:, None, :, None]
    colours = rng.uniform(0.3, 1, (count, 1, 1, 3))
    images = np.rint((waves * colours * 0.5 + 0.5) * 255) * np.ones((1, 16, 1, 1))
    return (images.transpose(0, 2, 1, 3) if label else images).astype(np.uint8)


@pytest.fixture(scope="module")
def classifier():
    images = np.concatenate([stripes(200, label, 0) for label in (0, 1)])
    return label_control.train_classifier(images, np.repeat(np.int32([0, 1]), 200), 2)


def test_the_classifier_learns_what_tells_the_classes_apart(classifier):
    for label in (0, 1):
        seen = label_control.predicted(classifier, stripes(100, label, 1))
        assert np.mean(seen == label) > 0.97


def test_figures_are_of_each_label(classifier):
    real, labels = np.concatenate([stripes(20, 0, 1), stripes(20, 1, 1)]), np.repeat([0, 1], 20)
    turned = np.concatenate([stripes(20, 1, 2), stripes(20, 1, 3)]) / np.float32(255)
    found = label_control.class_figures(classifier, real, labels, turned, labels)
    assert found["classifier_accuracy_0"] > 0.9 and found["label_control_1"] > 0.9
    assert found["label_control_0"] < 0.1  # the label asked for 0 and got 1
    assert found["spread_real_0"] > 0.05 and found["spread_1"] > 0.05


def test_a_class_mean_repeated_passes_the_classifier_but_has_no_spread(classifier):
    real, labels = stripes(20, 1, 1), np.ones(20, int)
    repeated = np.repeat(real[:1], 20, axis=0)
    found = label_control.class_figures(classifier, real, labels, repeated, labels)
    assert found["label_control_1"] == 1.0 and found["spread_1"] == pytest.approx(0, abs=1e-3)


def test_the_spread_of_a_single_image_is_left_out():
    assert label_control.spread_figure("spread", np.zeros((1, 4, 4, 3), np.uint8)) == {}
    two = np.uint8([0, 255])[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    assert label_control.spread_figure("spread", two) == {"spread": pytest.approx(1.0)}
