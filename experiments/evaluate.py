"""Measure a finished run again, from its SavedModel, on its own data, on other data, and by
measures that training does not take: FID, KID, precision and recall by an Inception network, and
what a reader of maps finds in generated photographs.

    python -m experiments.evaluate --run-dir RUN
    python -m experiments.evaluate --run-dir RUN --inception-weights inception-2015-12-05.tgz
    python -m experiments.evaluate --run-dir MAP_TO_AERIAL --reader AERIAL_TO_MAP

Writes evaluation_<split>.json and, as a table beside the figures of the training's end,
evaluation_<split>.md, into the run's folder or --output. Figures of one name are computed by one
function.
"""

import dataclasses

from experiments.launch.cli import DONE, launch
from experiments.runs.evaluation_options import EvaluationOptions

NAME = "evaluate"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(EvaluationOptions):
    """An option without a default must be given."""


def run(config: Config) -> int:
    """Measure and write; returns the exit code."""
    config.check()
    from experiments.runs.evaluation import evaluate  # imports TensorFlow

    evaluate(config)
    return DONE


if __name__ == "__main__":
    launch(NAME, Config, run)
