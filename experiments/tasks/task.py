"""The contract of a task: all that ``runs.train_run`` asks of a kind of training.

A task is made with the command's configuration, reads or draws its data then, and holds its model
from ``build`` on. To add a kind of training, write

- a model in ``tf_gen/models/`` with ``train_step(batch) -> logs`` and metrics of the same names,
  its SavedModel in ``tf_gen/export/``;
- its options in ``tasks/options.py``, a ``TrainingOptions``; its figures in ``measures/``, named
  ``val_...`` if they are of the validation split; a task like ``tasks/vae.py``, and a command like
  ``vae_anime.py``;
- a line in ``KINDS`` of ``runs/evaluation.py``, so that ``evaluate`` knows it; that makes the task
  with plain values in the place of options and never builds it, so ``measure`` uses the model that
  it is given alone;
- for the page, a line in ``RUNS`` of ``page/runs.py`` and a section.

Under a strategy ``build`` is called twice, the second time for the model that is measured.
"""

from collections.abc import Callable, Iterable, Sized
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

import keras
import tensorflow as tf

from experiments.data.account import Account
from experiments.measures.asked import Asked
from tf_gen.data import Parts


class Split(Sized, Protocol):
    """Examples, and a digest that tells them from others (``tf_gen.data.Pairs``, ``Faces``)."""

    digest: str


class Data(Protocol):
    """What a task trains on and validates on, and the account of it."""

    train: Split
    val: Split
    account: Account


class About(NamedTuple):
    """What is said of a task.

    Attributes:
        title, loading: of the run's README: what it was, and Markdown on how to load its model, in
            which ``{path}`` stands for the run folder.
        progress_logs: the logs on the progress line.
        best_by: the validation figure, lower is better, by which the best epoch's weights are kept.
        kept: in words, whose weights the run's figures and models are of.
    """

    title: str
    loading: str
    progress_logs: tuple[str, ...]
    best_by: str
    kept: str = "the last step's"


class Built(NamedTuple):
    """A compiled model with all its variables.

    Attributes:
        model: what is trained.
        network: what is kept of it: at its best epoch, and as ``model.keras``.
        parts: what a checkpoint holds: name -> network or optimiser.
    """

    model: keras.Model
    network: keras.Model
    parts: dict


class Task(Protocol):
    """One kind of training."""

    options: ClassVar[type]  # of the configuration; a field that an old run lacks has its default
    data: Data
    about: About

    def build(self, epoch_steps: int) -> Built:
        """A model with the configuration's options; the task's own from here on.

        Args: epoch_steps: steps in an epoch, which schedules and curves count by.
        """

    def start(self) -> None:
        """What is done to the model before the first step of a new run."""

    def batches(self, first_step: int, last_step: int, parts: Parts) -> tf.data.Dataset:
        """The training batches of these steps, each a pure function of seed and step."""

    def validate(self, check: Callable[[], None]) -> dict[str, float]:
        """The figures of an epoch's end.

        Args: check: called after each batch; raises Interrupted where a signal asks for the end.
        """

    def watch(self, scalars, figures: Path) -> Iterable[keras.callbacks.Callback]:
        """Draw the data; callbacks that draw at each epoch's end.

        Args: scalars: the ``TensorBoardScalars`` to write beside; figures: the folder of pictures.
        """

    def prepare_to_measure(self):
        """What ``measure`` takes of the trained model, made ready for use."""

    def measure(self, model, asked: Asked) -> dict[str, float]:
        """All figures of what ``prepare_to_measure`` gave, or of its SavedModel: one name has one
        value. Where a SavedModel lacks what a figure needs, that is left out, and a line says so.
        """

    def leave(self, folder: Path) -> None:
        """Draw the trained model's pictures, and write ``saved_model/``."""


def image_summary(name, draw):
    """For ``EpochSummary``: a picture by epoch. ``draw() -> uint8 [H, W, 3]``."""
    return lambda epoch: tf.summary.image(name, draw()[None], step=epoch)
