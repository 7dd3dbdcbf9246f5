"""Each loss against NumPy."""

import numpy as np
import pytest

from tf_gen import losses

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(0, 3, (2, 4, 5, 5, 1)).astype(np.float32)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x.astype(np.float64)))


DISCRIMINATOR = {
    "minimax": lambda r, f: (-np.log(sigmoid(r)).mean(), -np.log(1 - sigmoid(f)).mean()),
    "non_saturating": lambda r, f: (-np.log(sigmoid(r)).mean(), -np.log(1 - sigmoid(f)).mean()),
    "least_squares": lambda r, f: (((r - 1) ** 2).mean() / 2, (f**2).mean() / 2),
    "hinge": lambda r, f: (np.maximum(0, 1 - r).mean(), np.maximum(0, 1 + f).mean()),
}
GENERATOR = {
    "minimax": lambda f: np.log(1 - sigmoid(f)).mean(),
    "non_saturating": lambda f: -np.log(sigmoid(f)).mean(),
    "least_squares": lambda f: ((f - 1) ** 2).mean() / 2,
    "hinge": lambda f: -f.mean(),
}


@pytest.mark.parametrize("kind", losses.ADVERSARIAL)
def test_the_discriminator_loss_equals_its_formula(kind):
    np.testing.assert_allclose(
        losses.discriminator_terms(kind, REAL, FAKE), DISCRIMINATOR[kind](REAL, FAKE), rtol=1e-5
    )


@pytest.mark.parametrize("kind", losses.ADVERSARIAL)
def test_the_generator_loss_equals_its_formula(kind):
    np.testing.assert_allclose(losses.generator_term(kind, FAKE), GENERATOR[kind](FAKE), rtol=1e-5)


@pytest.mark.parametrize("kind", losses.ADVERSARIAL)
def test_large_logits_give_finite_losses(kind):
    huge = np.array([-1e4, 1e4], np.float32)
    assert np.isfinite(losses.discriminator_terms(kind, huge, huge)).all()
    assert np.isfinite(losses.generator_term(kind, huge))


def test_reconstruction_losses_equal_their_formulas():
    difference = REAL.astype(np.float64) - FAKE
    np.testing.assert_allclose(
        losses.reconstruction("l1", REAL, FAKE), np.abs(difference).mean(), rtol=1e-5
    )
    np.testing.assert_allclose(
        losses.reconstruction("l2", REAL, FAKE), (difference**2).mean(), rtol=1e-5
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: losses.discriminator_terms("other", REAL, FAKE),
        lambda: losses.generator_term("other", FAKE),
        lambda: losses.reconstruction("other", REAL, FAKE),
    ],
)
def test_an_unknown_loss_is_refused_with_the_choices(call):
    with pytest.raises(ValueError, match="'other' is not one of"):
        call()
