"""Shared by the tests of what data come from."""

import pytest

from tf_gen.errors import UserError


@pytest.fixture
def read():
    """(source, names) -> {name: bytes} of the names, default all."""

    def read(source, names=None):
        items = source.items(source.names if names is None else names)
        return {name: read() for name, read in items}

    return read


@pytest.fixture
def refusal():
    """(make, arguments) -> what is said when it is refused: one line."""

    def refusal(make, *args, **options):
        with pytest.raises(UserError) as caught:
            make(*args, **options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return refusal
