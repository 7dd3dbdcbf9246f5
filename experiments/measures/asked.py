"""What ``evaluate`` may change of a measurement, and names of figures."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Asked:
    """The defaults are those of a training's end.

    Attributes:
        split: of the data, ``"val"`` or ``"train"``.
        seed: of the noise in the report's mode and in a VAE's bound, and of the images that
            distances are measured of; None: the run's own.
        distances: ``measures.distances.Distances``, one for each network.
        reader: the SavedModel of an ``aerial_to_map`` run, which reads photographs as maps.
    """

    split: str = "val"
    seed: int | None = None
    distances: tuple = ()
    reader: object = None

    def seed_of(self, options) -> int:
        """The seed that holds for a run of these options."""
        return options.seed if self.seed is None else self.seed

    def compared(self, real, generated, mode="") -> dict[str, float]:
        """FID, KID ... of generated images, by each network that is given for them."""
        found = {}
        for distances in self.distances:
            found |= distances(real, generated, mode)
        return found


def say_left_out(*figures: str, why: str) -> None:
    """Print which figures a model cannot give."""
    print(f"left out: {', '.join(figures)}: {why}")


def named(prefix: str, found: dict, suffix: str = "") -> dict:
    """{prefix_name + suffix: value}."""
    return {f"{prefix}_{name}{suffix}": value for name, value in found.items()}
