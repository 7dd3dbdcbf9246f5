"""How many values a VQ-VAE's code has, by its options."""

import types

import pytest

from experiments.measures.codebooks import codebook_size


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"codebook": "ema", "codes": 16, "levels": None}, 16),
        ({"codebook": "residual", "codes": 16, "levels": None}, 16),  # each
        ({"codebook": "finite_scalar", "codes": 16, "levels": [8, 5, 5]}, 200),
        ({"codebook": "finite_scalar", "codes": 16, "levels": None}, 512),
    ],
)
def test_a_code_has_as_many_values_as_the_codebook_or_the_grid(options, expected):
    assert codebook_size(types.SimpleNamespace(**options)) == expected
