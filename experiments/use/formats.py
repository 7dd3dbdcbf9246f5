"""The runtimes that a model is converted for: how, and how the file is run there.

Each has ``ending``, of the file's name, and ``needs``, the modules that it takes;
``convert(config, model, name, inputs, path)`` writes a function of a loaded SavedModel, which the
inputs are examples for, and ``client(config, path, name)`` is the file as a function: arrays by
name -> arrays by name.
"""

import importlib.util
import os
import re
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

    def convert(self, config, model, name, inputs, path) -> None:
        """Write the file. Raises: UsageError if the converter refuses."""
        shapes = {key: [None, *of.shape[1:]] for key, of in inputs.items()}
        try:
            path.write_bytes(self.converted(config, model, name, shapes))
        except Exception as error:  # of whatever kind: they are the converters' own
            text = re.search("Select ops: .*", str(error)) or str(error)
            text = text if isinstance(text, str) else f"it lacks {text[0]}"
            reason = " ".join(text.split())[:200] or type(error).__name__
            raise UsageError(
                f"--to {config.to}: the converter cannot do {name} of {config.model} ({reason}); "
                "take another format, or another --function"
            ) from error


def traced(model, name, shapes=None):
    """A signature as a concrete function. Args: shapes: of its inputs; default: as they are."""
    signature = model.signatures[name]
    specs = {
        key: tf.TensorSpec(shapes[key] if shapes else spec.shape, spec.dtype, key)
        for key, spec in signature.structured_input_signature[1].items()
    }
    return tf.function(lambda **inputs: signature(**inputs)).get_concrete_function(**specs)


class LiteRT(Format):
    """Args: weights_of_8_bits: whether they are (dynamic range): sums stay float32."""

    ending, needs = ".tflite", ("ai_edge_litert",)

    def __init__(self, weights_of_8_bits=False):
        self.optimizations = [tf.lite.Optimize.DEFAULT] if weights_of_8_bits else []

    def converted(self, config, model, name, shapes) -> bytes:
        shapes = None if config.any_batch else {key: [1, *of[1:]] for key, of in shapes.items()}
        with tempfile.TemporaryDirectory() as folder:
            tf.saved_model.save(model, folder, {name: traced(model, name, shapes)})
            converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[name])
            converter.optimizations = self.optimizations
            return converter.convert()

    def client(self, config, path, name):
        from ai_edge_litert.interpreter import Interpreter

        runner = Interpreter(str(path)).get_signature_runner(name)
        return lambda **inputs: runner(**{key: of.numpy() for key, of in inputs.items()})


class Onnx(Format):
    ending, needs = ".onnx", ("tf2onnx", "onnxruntime")

    def converted(self, config, model, name, shapes) -> bytes:
        import tf2onnx

        # traced again: the outputs of what is loaded have lost their names for tf2onnx
        function = SimpleNamespace(get_concrete_function=lambda: traced(model, name))
        # else the graph is copied before each of its passes: 24 GB, not 9, for 54 M weights
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

    def convert(self, config, model, name, inputs, path) -> None:
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
