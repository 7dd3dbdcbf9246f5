"""How every model is saved: functions as attributes, and the same as signatures."""

import inspect

import tensorflow as tf


def save(folder, variables, functions, default, extra=None):
    """Write a SavedModel.

    Args:
        variables: Keras variables that the functions use.
        functions: name -> (tf.function with an input_signature, names of its outputs). As an
            attribute of the loaded object it returns tensors, one or a tuple; as a signature a
            dict of these names. No output may be called as an input is: ONNX and OpenVINO have
            one space of names for both.
        default: the function that is ``serving_default``, too.
        extra: name -> tf.function that is an attribute alone.
    """
    module = tf.Module()
    module.weights = [variable.value for variable in variables]
    for name, function in (extra or {}).items():
        setattr(module, name, function)
    signatures = {}
    for name, (function, outputs) in functions.items():
        setattr(module, name, function)
        signatures[name] = _signature(function, outputs)
    signatures["serving_default"] = signatures[default]
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _signature(function, outputs):
    def named(*inputs):
        found = function(*inputs)
        return dict(zip(outputs, found if len(outputs) > 1 else [found], strict=True))

    names = inspect.signature(function.python_function).parameters
    specs = [
        tf.TensorSpec(spec.shape, spec.dtype, name)
        for name, spec in zip(names, function.input_signature, strict=True)
    ]
    return tf.function(named, input_signature=specs)
