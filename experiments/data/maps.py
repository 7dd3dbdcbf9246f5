"""Pairs of maps and photographs: drawn, or read from where ``--data`` says."""

import dataclasses

import numpy as np

from experiments.data.account import Account, account_of, pair_files, source_of
from experiments.launch.errors import UsageError
from tf_gen.data import Pairs, draw_pairs, load_pairs
from tf_gen.data.cache import Cache
from tf_gen.data.published.sets import MAPS, compare
from tf_gen.data.sources import Unreadable

DRAWN = {"train": 128, "val": 32}  # pairs
JITTER = 286 / 256  # the paper's resize before the crop


@dataclasses.dataclass(frozen=True)
class Maps:
    """Both splits, towards a direction: uint8 [N, H, W, 3]; those to train on have slack."""

    train: Pairs
    val: Pairs
    direction: str
    account: Account

    @property
    def train_sides(self) -> tuple[np.ndarray, np.ndarray]:
        """(inputs, targets) to train on."""
        return self.train.towards(self.direction)

    @property
    def val_sides(self) -> tuple[np.ndarray, np.ndarray]:
        """(inputs, targets) to validate on."""
        return self.val.towards(self.direction)

    def middle(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The training pairs without jitter: the middle size x size of each side."""
        margin = (self.train.a.shape[1] - size) // 2
        inside = slice(margin, margin + size)
        return tuple(side[:, inside, inside] for side in self.train_sides)


def load_maps(config) -> Maps:
    """Draw or read the pairs that the configuration names.

    Raises: UsageError, all unreadable files of both splits listed.
    """
    sizes = {"train": round(config.image_size * JITTER), "val": config.image_size}
    print(f"data: {'drawing' if config.data == 'synthetic' else 'reading'} {config.data}")
    if config.data == "synthetic":
        splits = {split: _draw(split, size) for split, size in sizes.items()}
        return Maps(**splits, direction=config.direction, account=Account("synthetic"))
    source = source_of(config, {"maps": MAPS})
    splits = _read(source, config, sizes)
    counts = {split: len(pairs) for split, pairs in splits.items()}
    digests = {split: pairs.digest for split, pairs in splits.items()}
    comparisons = [compare(MAPS, counts, digests)] if config.data == "report" else []
    account = account_of(comparisons, pair_files(source, splits))
    return Maps(**splits, direction=config.direction, account=account)


def _read(source, config, sizes) -> dict[str, Pairs]:
    """Both splits; what is unreadable in either is told in one error."""
    found, bad, cache = {}, [], Cache(config.cache_gib)
    for split in ("val", "train"):  # the smaller first: a missing one is told at once
        try:
            # the contract's figures are of validation images that were decoded in full
            found[split] = load_pairs(
                source, split, sizes[split], config.skip_unreadable,
                cache=cache, in_full=split == "val",
            )  # fmt: skip
        except Unreadable as error:
            bad.append(str(error))
    if bad:
        raise UsageError("; ".join(bad))
    return {split: found[split] for split in sizes}


def _draw(split, size) -> Pairs:
    count = DRAWN[split]
    aerial, street_map = draw_pairs(count, seed=list(DRAWN).index(split), size=size)
    names = tuple(f"{split} {i}" for i in range(count))
    # Not of the pixels: machines may differ by one grey level and yet draw the same set.
    return Pairs(aerial, street_map, names, digest=f"synthetic-1 {split} {count}")
