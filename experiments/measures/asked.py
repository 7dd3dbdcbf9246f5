"""What a measure is asked for besides the figures that every run has."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Asked:
    """When training ends the defaults, and what ``evaluate`` is told.

    Attributes:
        split: of the data, ``"val"`` or ``"train"``.
        seed: of the noise, and of the images that distances are measured of; None: the run's own.
        distances: a ``measures.distances.Distances``, or None.
        reader: the SavedModel of an ``aerial_to_map`` run, which reads photographs as maps.
    """

    split: str = "val"
    seed: int | None = None
    distances: object = None
    reader: object = None

    def seed_of(self, options) -> int:
        """The seed that holds for a run of these options."""
        return options.seed if self.seed is None else self.seed

    def compared(self, real, generated, mode="") -> dict[str, float]:
        """FID, KID ... of generated images; {} where no network is given for them."""
        return self.distances(real, generated, mode) if self.distances else {}


def say_left_out(*figures: str, why: str) -> None:
    """Print which figures a model cannot give."""
    print(f"left out: {', '.join(figures)}: {why}")


def named(prefix: str, found: dict) -> dict:
    """{prefix_name: value}."""
    return {f"{prefix}_{name}": value for name, value in found.items()}
