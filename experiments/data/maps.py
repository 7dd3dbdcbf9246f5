"""Pairs of maps and photographs: drawn, or read from where ``--data`` says."""

import dataclasses

import numpy as np

from experiments.data.account import Account, account_of, check_drawn, pair_files, source_of
from experiments.launch.errors import UsageError
from tf_gen.data import Pairs, draw_pairs, load_pairs
from tf_gen.data.cache import Cache
from tf_gen.data.images import image_sides, with_channels
from tf_gen.data.published.sets import MAPS, compare
from tf_gen.data.sources import Unreadable

DRAWN = {"train": 128, "val": 32}  # pairs
JITTER = 286 / 256  # the paper's resize before the crop


@dataclasses.dataclass(frozen=True)
class Maps:
    """Both splits, towards a direction: uint8 [N, H, W, C]; those to train on have slack."""

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

    def middle(self, size) -> tuple[np.ndarray, np.ndarray]:
        """The training pairs without jitter: the middle of each side; size: (height, width)."""
        top, left = ((self.train.a.shape[1 + i] - size[i]) // 2 for i in (0, 1))
        middle = np.s_[:, top : top + size[0], left : left + size[1]]
        return tuple(side[middle] for side in self.train_sides)


def load_maps(config, inputs=None, sides=None) -> Maps:
    """Draw or read the pairs that the configuration names.

    Args: inputs: how the inputs are read, where not as images of ``config.input_channels``: see
        ``load_pairs``; sides: (height, width) that both splits come to; default: those to train on
        have the paper's slack over ``config.image_size``, those to validate none.
    Raises: UsageError, all unreadable files of both splits listed.
    """
    size = image_sides(config.image_size)
    sizes = {"train": tuple(round(side * JITTER) for side in size), "val": size}
    if sides:
        sizes = dict.fromkeys(sizes, sides)
    channels = (config.output_channels, inputs or config.input_channels)  # of A and of B
    if config.direction == "aerial_to_map":
        channels = channels[::-1]
    print(f"data: {'drawing' if config.data == 'synthetic' else 'reading'} {config.data}")
    if config.data == "synthetic":
        splits = {split: _draw(split, size, channels) for split, size in sizes.items()}
        return Maps(**splits, direction=config.direction, account=Account("synthetic"))
    source = source_of(config, {"maps": MAPS})
    splits = _read(source, config, sizes, channels)
    counts = {split: len(pairs) for split, pairs in splits.items()}
    digests = {split: pairs.digest for split, pairs in splits.items()}
    comparisons = [compare(MAPS, counts, digests)] if config.data == "report" else []
    account = account_of(comparisons, pair_files(source, splits))
    return Maps(**splits, direction=config.direction, account=account)


def _read(source, config, sizes, channels) -> dict[str, Pairs]:
    """Both splits; what is unreadable in either is told in one error."""
    found, bad, cache = {}, [], Cache(config.cache_gib)
    for split in ("val", "train"):  # the smaller first: a missing one is told at once
        try:
            # the contract's figures are of validation images that were decoded in full
            found[split] = load_pairs(
                source, split, sizes[split], config.skip_unreadable,
                cache=cache, in_full=split == "val", channels=channels,
            )  # fmt: skip
        except Unreadable as error:
            bad.append(str(error))
    if bad:
        raise UsageError("; ".join(bad))
    return {split: found[split] for split in sizes}


def _draw(split, size, channels) -> Pairs:
    check_drawn(max(size))
    count, (height, width) = DRAWN[split], size
    sides = draw_pairs(count, seed=list(DRAWN).index(split), size=max(size))
    aerial, street_map = (
        with_channels(side[:, :height, :width], c) for side, c in zip(sides, channels, strict=True)
    )
    names = tuple(f"{split} {i}" for i in range(count))
    # Not of the pixels: machines may differ by one grey level and yet draw the same set.
    return Pairs(aerial, street_map, names, digest=f"synthetic-1 {split} {count}")
