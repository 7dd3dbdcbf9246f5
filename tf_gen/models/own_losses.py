"""What models share whose losses are their own: what Keras' methods check, honour and refuse."""

import itertools
import types

import keras
import tensorflow as tf

from tf_gen.errors import UserError
from tf_gen.replicas import mean_or_zero

from .inputs import first_batch


class OwnLosses:
    """Beside ``keras.Model``: a model that minimises losses of its own.

    ``fit`` and ``evaluate`` look at the first batch of what they are given, ``validation_data``
    too, and raise UserError if it does not suit (``check_batch``).
    """

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        **kwargs,
    ):
        """Keras' ``compile``; the losses and figures are the model's own.

        Raises: UserError for others.
        """
        given = {
            "loss": loss, "loss_weights": loss_weights, "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }  # fmt: skip
        if found := [name for name, value in given.items() if value]:
            raise UserError(
                f"compile({found[0]}=...): {type(self).__name__} minimises and reports losses of "
                "its own; leave it out; layers may add losses, tf_gen.metrics measures images"
            )
        super().compile(optimizer, **kwargs)

    def compile_from_config(self, config):
        # Keras calls no ``compile`` but its own when it loads a model
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, y=None, *args, **kwargs):
        validation = kwargs.get("validation_data")
        x, y = self._beside_weights(x, y, kwargs.get("sample_weight"))
        if isinstance(validation, tuple):
            self._look(*validation[:2])
            if len(validation) == 3:
                kwargs["validation_data"] = *self._beside_weights(*validation), validation[2]
        elif validation is not None:
            kwargs["validation_data"], _ = self._look(validation)
        x, batch = self._look(x, y)
        self.before_training(batch)
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        if not kwargs.get("_use_cached_eval_dataset"):  # fit has looked, and would at each epoch
            x, y = self._beside_weights(x, y, kwargs.get("sample_weight"))
            x, _ = self._look(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def export(self, filepath, *args, input_signature=None, **kwargs):
        """Keras' ``export``, of ``call`` alone; ``tf_gen.export`` writes all that a model does."""
        signature = input_signature or [self.takes()]
        super().export(filepath, *args, input_signature=signature, **kwargs)

    def takes(self):
        """keras.InputSpec of what ``call`` takes: images of any size."""
        return keras.InputSpec("float32", (None, None, None, self.channels), name="images")

    def _beside_weights(self, x, y, weights=None):
        """(x, y), for Keras passes weights of arrays on only beside a y."""
        arrays = hasattr(x, "shape") or isinstance(x, tuple | list)
        return self.as_x_and_y(x) if arrays and y is None and weights is not None else (x, y)

    def as_x_and_y(self, x):
        """What ``fit`` takes as x alone, as x and y: images are their own targets."""
        return x, x

    def before_training(self, batch):
        """Called by ``fit`` with its first batch, None where looking would cost it."""

    def _look(self, x, y=None):
        """(x as it was, its first batch or None). Raises: UserError by ``check_batch``."""
        seen = x
        if isinstance(x, types.GeneratorType):
            seen = next(x, None)
            x = _generator(itertools.chain([] if seen is None else [seen], x))
            seen = seen if isinstance(seen, tuple) else (seen,)
            batch = first_batch(*seen[:2])
        else:
            batch = first_batch(x, y)
        if batch:
            self.check_batch(batch)
        return x, batch


def _generator(items):
    yield from items  # Keras takes what ``itertools`` makes for no generator


def example_mean(values, weights=None):
    """The mean of [B, ...], each example times its weight, over all B, as in Keras' losses."""
    if weights is not None:
        weights = tf.cast(weights, values.dtype)
        values *= tf.reshape(weights, [-1] + [1] * (len(values.shape) - 1))
    return mean_or_zero(values, axis=0)


def with_added(loss, model):
    """A loss with those that the model's layers add: their regularisers', and by ``add_loss``."""
    added = [tf.cast(one, tf.float32) for one in model.losses]
    model._clear_losses()  # a layer whose ``call`` is not Keras' outermost would keep them
    return tf.add_n([loss, *added]) if added else loss
