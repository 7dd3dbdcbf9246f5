"""A page on this machine to draw on: a map becomes a photograph as you draw, a face another face.

    python -m experiments.draw --model drawn_city          then open the address that it prints
    python -m experiments.draw --model cartoon_vae
    python -m experiments.draw --model RUN --port 8765

Of a pix2pix: draw or open an image, and see what the model makes of it. Of a VAE: new faces, faces
between two, sliders along the latents' directions. Of a prior over codes: new faces. Nobody but
this machine can reach the page, and it asks nobody else. Ctrl-C ends it.
"""

import dataclasses
from pathlib import Path

from experiments.launch.cli import launch
from experiments.launch.options import check_range

NAME = "draw"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """An option without a default must be given."""

    model: Path
    """A finished run, the SavedModel that one wrote, or a ready model: cartoon_vae, cartoon_codes,
    drawn_city, drawn_city_reader."""
    port: int = 8765
    """Of 127.0.0.1; 0: any that is free."""

    def check(self) -> None:
        """Raise UsageError for a number out of range."""
        check_range(0, 65535, port=self.port)


def run(config: Config) -> int:
    """Serve the page until a signal ends it."""
    config.check()
    from experiments.use.draw import serve  # imports TensorFlow

    return serve(config)


if __name__ == "__main__":
    launch(NAME, Config, run)
