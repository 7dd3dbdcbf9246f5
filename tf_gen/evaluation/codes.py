"""What a prior over codes must beat: predictions that are counted, not learned.

Codes are int [N, h, w], in 0 ... size - 1. All figures are bits a code, on held-out grids: the mean
of ``-log2 p``; a uniform guess has log2 of the size.
"""

import numpy as np

STRENGTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)  # of what is backed off to


def unigram_bits(train, held_out, size) -> float:
    """By how often each code occurs in the training grids (and once more, so that none has 0)."""
    return _bits(_unigram(train, size)[held_out])


def neighbour_bits(train, held_out, size) -> float:
    """By a table of the left and the upper neighbour.

    ``p(x | l, u) = (n(l, u, x) + a q) / (n(l, u) + a)``, ``q = (p(x | l) + p(x | u)) / 2``,
    ``p(x | l) = (n(l, x) + b p(x)) / (n(l) + b)`` and ``p(x | u)`` the like: a pair that was seen
    often speaks for itself, one that was not leaves it to either neighbour, that to the unigram
    (interpolated back-off with Dirichlet priors, MacKay and Peto 1995). ``a`` and ``b`` are the
    best on every tenth training grid, by the counts of the other nine tenths.
    """
    tenth = np.arange(len(train)) % 10 == 0
    if 0 < tenth.sum() < len(train):
        judge = _table(train[~tenth], train[tenth], size)
        _, a, b = min((judge(a, b), a, b) for a in STRENGTHS for b in STRENGTHS)
    else:
        a = b = 1.0
    return _table(train, held_out, size)(a, b)


def _table(train, held_out, size):
    """(a, b) -> bits a code."""
    left, up, code = _contexts(train, size)
    left_of, up_of, wanted = _contexts(held_out, size)
    base = _unigram(train, size)[wanted]
    width = size + 1  # the place outside of the grid is a neighbour, too

    def counted(seen, asked):
        """How often a context was seen with the code that is wanted, and how often at all."""
        both = _occurrences(seen * size + code, asked * size + wanted)
        return both, _occurrences(seen, asked)

    pair = counted(left * width + up, left_of * width + up_of)
    single = [counted(left, left_of), counted(up, up_of)]

    def bits(a, b):
        backed = sum((both + b * base) / (seen + b) for both, seen in single) / 2.0
        return _bits((pair[0] + a * backed) / (pair[1] + a))

    return bits


def _contexts(codes, size):
    """(left neighbours, upper neighbours, the codes), each int64 [N * h * w]; ``size`` outside."""
    padded = np.pad(np.asarray(codes, np.int64), ((0, 0), (1, 0), (1, 0)), constant_values=size)
    parts = padded[:, 1:, :-1], padded[:, :-1, 1:], padded[:, 1:, 1:]
    return [part.ravel() for part in parts]


def _occurrences(keys, asked):
    """How often each of ``asked`` is among the keys: int64 of its shape."""
    known, counts = np.unique(keys, return_counts=True)
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return np.where(known[place] == asked, counts[place], 0)


def _unigram(codes, size):
    counts = np.bincount(np.ravel(codes), minlength=size) + 1.0
    return counts / counts.sum()


def _bits(probabilities) -> float:
    return float(-np.mean(np.log2(probabilities)))
