"""What Keras is set to, as the package is imported."""

import keras
import pytest

from tf_gen.errors import _check_keras


@pytest.mark.parametrize(
    ("name", "value"),
    [("backend", "jax"), ("image_data_format", "channels_first"), ("floatx", "float16")],
)
def test_a_keras_that_cannot_work_is_refused_in_a_line(monkeypatch, name, value):
    _check_keras()
    monkeypatch.setattr(keras.config, name, lambda: value)
    with pytest.raises(ImportError, match=f"Keras' {name} is '{value}', tf_gen needs") as refused:
        _check_keras()
    assert "\n" not in str(refused.value)
