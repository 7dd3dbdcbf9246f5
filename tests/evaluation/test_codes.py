"""What counting gives: against the formulas written out, and on codes whose rule is known."""

import numpy as np
import pytest

from tf_gen.evaluation import codes as evaluation

RNG = np.random.default_rng(0)
TRAIN, HELD_OUT = RNG.integers(0, 3, (40, 4, 5)), RNG.integers(0, 3, (9, 4, 5))


def neighbours(grid, row, column):
    """(left, upper) of a place; 3 stands for outside."""
    left = grid[row, column - 1] if column else 3
    return left, grid[row - 1, column] if row else 3


def places(grids):
    for grid in grids:
        for row, column in np.ndindex(grid.shape):
            yield *neighbours(grid, row, column), grid[row, column]


def chance(seen, left, up, code, a, b):
    """``p(x | l, u)`` as its docstring has it, counted one by one."""
    unigram = (sum(x == code for *_, x in seen) + 1) / (len(seen) + 3)
    sides = []
    for side, value in enumerate((left, up)):
        codes = [one[2] for one in seen if one[side] == value]
        sides.append((codes.count(code) + b * unigram) / (len(codes) + b))
    pair = [x for ll, uu, x in seen if (ll, uu) == (left, up)]
    return (pair.count(code) + a * sum(sides) / 2) / (len(pair) + a)


def test_the_table_is_that_of_its_formula_and_a_probability():
    seen, asked = [*places(TRAIN[:5])], [*places(HELD_OUT[:2])]
    expected = -np.mean([np.log2(chance(seen, *one, 2.0, 4.0)) for one in asked])
    found = evaluation._table(TRAIN[:5], HELD_OUT[:2], 3)(2.0, 4.0)
    assert found == pytest.approx(expected, rel=1e-9)
    assert sum(chance(seen, 0, 3, x, 2.0, 4.0) for x in range(3)) == pytest.approx(1.0)


def test_codes_by_chance_have_the_bits_of_a_uniform_guess():
    for bits in (evaluation.unigram_bits, evaluation.neighbour_bits):
        assert bits(TRAIN, HELD_OUT, 3) == pytest.approx(np.log2(3), abs=0.05)


def test_frequencies_are_counted_on_the_training_grids():
    train, held_out = np.zeros((1, 2, 3), int), np.array([[[0, 1]]])
    expected = -(np.log2(7 / 9) + np.log2(1 / 9)) / 2  # of three codes, each counted once more
    assert evaluation.unigram_bits(train, held_out, 3) == pytest.approx(expected)


@pytest.mark.parametrize("rule", ["left", "up", "both"])
def test_a_rule_that_the_neighbours_tell_is_found(rule):
    grids = RNG.integers(0, 3, (400, 4, 5))
    for row, column in np.ndindex(4, 5):
        left, up = grids[:, row, column - 1], grids[:, row - 1, column]
        told = {"left": column and left + 1, "up": row and up + 2,
                "both": row and column and left + up}[rule]  # fmt: skip
        if np.ndim(told):
            grids[:, row, column] = told % 3
    chances = {"left": 4, "up": 5, "both": 8}[rule] / 20  # places that no neighbour tells
    found = evaluation.neighbour_bits(grids[:300], grids[300:], 3)
    assert found == pytest.approx(chances * np.log2(3), abs=0.06)
    assert evaluation.unigram_bits(grids[:300], grids[300:], 3) > 1.5
