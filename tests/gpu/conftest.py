"""Tests that need a GPU: ``pytest -m gpu -n 0``."""

import pytest
import tensorflow as tf


@pytest.fixture(autouse=True, scope="session")
def gpu():
    """A GPU that tests can see, which they do when these are asked for (``tests/conftest.py``)."""
    found = tf.config.list_logical_devices("GPU")
    if not found:
        pytest.skip("no GPU that TensorFlow can use")
    return found[0]
