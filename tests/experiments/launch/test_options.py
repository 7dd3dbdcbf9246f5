"""Options: ranges, what makes a run, and the library's arguments in a command's words."""

import dataclasses

import pytest

from experiments.launch.cli import as_options
from experiments.launch.errors import UsageError
from experiments.launch.options import TrainingOptions, check_range, defaults_of, settings_of


@dataclasses.dataclass
class Options:
    batch_size: int | None = None
    crop: tuple = (0.5, 1.0)
    skip_unreadable: bool = False


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "--batch-size 0: must be at least 1"), (9, "must be at least 1 and at most 8"), (3, None)],
)
def test_a_number_out_of_range_is_named_as_an_option(value, said):
    if said is None:
        check_range(1, 8, batch_size=value)
    else:
        with pytest.raises(UsageError, match=said):
            check_range(1, 8, batch_size=value)


def test_each_value_of_several_is_looked_at_and_none_passes():
    check_range(0.0, 1.0, open_low=True, batch_size=None, crop=(0.5, 1.0))
    with pytest.raises(UsageError, match="--crop 0.0: must be more than 0"):
        check_range(0.0, 1.0, open_low=True, crop=(1.0, 0.0))
    with pytest.raises(UsageError, match="--crop nan"):
        check_range(0.0, crop=(float("nan"),))


def test_the_librarys_arguments_are_told_as_options():
    told = as_options("x.png: no image; mend it, or pass skip_unreadable=True", Options())
    assert told == "x.png: no image; mend it, or pass --skip-unreadable"
    assert as_options("crop=(2.0,): give less", Options()) == "--crop (2.0,): give less"
    path = "runs/crop=0.5/batch_size=8: no run (batch_size=8)"
    assert as_options(path, Options()) == "runs/crop=0.5/batch_size=8: no run (--batch-size 8)"
    assert as_options("a=1: not an option", Options()) == "a=1: not an option"


def test_options_that_do_not_make_a_run_are_marked_at_their_own_fields():
    assert {"epochs", "data", "checkpoint_minutes"} < settings_of(TrainingOptions)
    assert not {"seed", "batch_size", "learning_rate", "precision"} & settings_of(TrainingOptions)
    assert defaults_of(TrainingOptions)["epochs"] == TrainingOptions().epochs == 10
