"""The runtimes that a model is converted for: how, and how the file is run there.

Each has ``ending``, of the file's name, and ``needs``, the modules that it takes;
``convert(config, folder, name, path)`` writes a function of the SavedModel in ``folder``, and
``client(config, path, name)`` is the file as a function: arrays by name -> arrays by name.
"""

import importlib.util
import os
import tempfile
from types import SimpleNamespace
from unittest.mock import patch

import tensorflow as tf

from experiments.launch.errors import UsageError
from experiments.launch.saved_models import write_saved_model
from tf_gen import load
from tf_gen.training.run_dir import plain_copy, save_model


class Format:
    """What all have in common."""

    needs = ()

    def check_installed(self, name: str) -> None:
        """Raise UsageError for a package that is not there."""
        missing = [module for module in self.needs if importlib.util.find_spec(module) is None]
        if missing:
            raise UsageError(
                f"--to {name}: {', '.join(missing)} is not installed: "
                "pip install -c constraints.txt -e '.[export]'"
            )

    def convert(self, config, folder, name, path) -> None:
        """Write the file. Raises: UsageError if the converter refuses."""
        try:
            path.write_bytes(self.converted(folder, name))
        except Exception as error:  # of whatever kind: they are the converters' own
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UsageError(
                f"--to {config.to}: the converter cannot do {name} of {config.model} ({reason}); "
                "take another format, or another --function"
            ) from error


class LiteRT(Format):
    """Args: weights_of_8_bits: whether they are (dynamic range): sums stay float32."""

    ending, needs = ".tflite", ("ai_edge_litert",)

    def __init__(self, weights_of_8_bits=False):
        self.optimizations = [tf.lite.Optimize.DEFAULT] if weights_of_8_bits else []

    def converted(self, folder, name) -> bytes:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[name])
        converter.optimizations = self.optimizations
        return converter.convert()

    def client(self, config, path, name):
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(str(path)).get_signature_runner(name)
        return lambda **inputs: runner(**{key: of.numpy() for key, of in inputs.items()})


class Onnx(Format):
    ending, needs = ".onnx", ("tf2onnx", "onnxruntime")

    def converted(self, folder, name) -> bytes:
        import tf2onnx

        model = tf.saved_model.load(str(folder))
        signature = model.signatures[name]
        # traced again: the outputs of what is loaded have lost their names for tf2onnx
        traced = tf.function(lambda **inputs: signature(**inputs)).get_concrete_function(
            **signature.structured_input_signature[1]
        )
        function = SimpleNamespace(get_concrete_function=lambda: traced)
        # else the graph is copied before each of its passes: 24 GB, not 8.5, for 54 M weights
        with patch.dict(os.environ, TF2ONNX_CATCH_ERRORS="FALSE"):
            found, _ = tf2onnx.convert.from_function(function, input_signature=())
        return found.SerializeToString()

    def client(self, config, path, name):
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        outputs = [one.name for one in session.get_outputs()]

        def call(**inputs):
            found = session.run(None, {key: of.numpy() for key, of in inputs.items()})
            return dict(zip(outputs, found, strict=True))

        return call


class Keras(Format):
    ending = ".keras"

    def convert(self, config, folder, name, path) -> None:
        save_model(plain_copy(load(config.model), in_float32=True), path)

    def client(self, config, path, name):
        with tempfile.TemporaryDirectory() as folder:
            write_saved_model(load(path), config.model, folder)
            model = tf.saved_model.load(folder)
        return lambda **inputs: model.signatures[name](**inputs)


FORMATS = {
    "litert": LiteRT(),
    "litert_int8": LiteRT(weights_of_8_bits=True),
    "onnx": Onnx(),
    "keras": Keras(),
}
