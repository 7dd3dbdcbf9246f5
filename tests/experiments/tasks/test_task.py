"""Every task keeps to the contract, which is small."""

import inspect

import pytest

from experiments.runs.evaluation import KINDS
from experiments.tasks import task

METHODS = {name for name in vars(task.Task) if not name.startswith("_")}
TASKS = list(dict.fromkeys(getattr(make, "func", make) for make, *_ in KINDS.values()))


def test_the_contract_has_few_members():
    attributes = set(task.Task.__annotations__)
    assert attributes == {"options", "data", "about"} and len(attributes | METHODS) <= 11


@pytest.mark.parametrize("kind", TASKS, ids=lambda kind: kind.__name__)
def test_a_task_has_each_method_with_its_parameters(kind):
    for name in METHODS:
        wanted, found = (inspect.signature(getattr(each, name)) for each in (task.Task, kind))
        assert list(wanted.parameters) == list(found.parameters), name
