"""A prior over the codes of a VQ-VAE, from which it generates (van den Oord et al. 2017,
section 3.3): a gated PixelCNN."""

import math

import keras
import numpy as np
import tensorflow as tf

from tf_gen.data.images import image_sides
from tf_gen.errors import UserError, check_at_least, check_policy
from tf_gen.layers import GatedBlock, example_seeds, example_uniform
from tf_gen.optimizers import FiniteStep, scale_for_gradient, step_counter

from .inputs import check_labels, check_shape, codes_and_labels_of
from .own_losses import OwnLosses, example_mean, with_added


@keras.saving.register_keras_serializable("tf_gen")
class CodePrior(OwnLosses, keras.Model):
    """The probability of each code of a grid, given those before it: row by row, from the left.

    ``P(codes) = prod_i P(code_i | code_1 ... code_i-1)``. The codes are embedded, the place and the
    class, if any, added; ``GatedBlock``s follow, which see no later place, and a softmax over all
    codes.

    Args:
        codes: K, the size of the codebook.
        num_classes: None, or labels are integers 0 ... num_classes - 1.
        vq_vae: a trained ``VQVAE`` of as many codes, one at a place, by which ``sample`` decodes.
            It is part of the model and its file, and is not trained: ``trainable`` is set to False.
        grid: height and width of the codes, an int or two: 16 for 64 x 64 images.
        width, depth: of the blocks, and how many.
        kernel, dropout: see ``GatedBlock``.
        seed: of the dropout's noise.

    ``fit`` takes batches of codes, int [B, h, w] in 0 ... K - 1, or with num_classes
    ``(codes, labels)``, labels int [B]; weights by example are honoured. ``call`` and ``predict``
    give logits, float32 [B, h, w, K]. The losses are averaged over places and grids:

    - ``loss``: ``-log P(code | those before)`` in nats, with what layers add;
    - ``bits_per_code``: the same in bits, without; a uniform guess has log2 of K.

    Example::

        codes = vq_vae.encode(images)  # int32 [N, 16, 16]
        prior = tf_gen.CodePrior(vq_vae=vq_vae)
        prior.compile(keras.optimizers.Adam(1e-3))
        prior.fit(codes, epochs=10)
        images = prior.sample(8, seed=0)  # float32 [8, 64, 64, 3] in [0, 1]
    """

    def __init__(
        self,
        codes=512,
        num_classes=None,
        vq_vae=None,
        grid=16,
        width=96,
        depth=6,
        kernel=(2, 3),
        dropout=0.1,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_policy(self.dtype_policy)
        check_at_least(1, codes=codes, width=width, depth=depth)
        check_at_least(1, num_classes=1 if num_classes is None else num_classes)
        kernel = (kernel, kernel) if isinstance(kernel, int) else tuple(kernel)
        if kernel[0] < 2 or kernel[1] % 2 == 0:
            raise UserError(f"kernel {kernel}: must be 2 rows or more, of odd width")
        if vq_vae is not None and vq_vae.codes != codes:
            raise UserError(f"codes {codes}: the VQ-VAE has {vq_vae.codes}; give as many")
        if vq_vae is not None and vq_vae.quantizer.code_shape:
            raise UserError("vq_vae: has several codes at a place; give one with one quantiser")
        self.codes = codes
        self.num_classes = num_classes
        self.vq_vae = vq_vae
        self.grid = image_sides(grid)
        self.width = width
        self.depth = depth
        self.kernel = kernel
        self.dropout = dropout
        self.seed = seed

        if vq_vae is not None:
            vq_vae.trainable = True  # else False would be passed over in one that was loaded as
            vq_vae.trainable = False  # such: it would not reach its layers
        self.embedding = self._embedding("embedding", codes + 1)  # 0: outside of the grid
        count = math.prod(self.grid)
        self.places = [self._embedding(f"{way}_places", count) for way in ("down", "right")]
        self.classes = self._embedding("classes", num_classes) if num_classes else None
        self.blocks = [
            GatedBlock(kernel, dropout, stream=i, dtype=self.dtype_policy, name=f"block_{i}")
            for i in range(depth)
        ]
        self.widening = keras.layers.Dense(
            2 * width, activation="relu", dtype=self.dtype_policy, name="widening"
        )
        self.head = keras.layers.Dense(codes, dtype="float32", name="head")
        self._means = [keras.metrics.Mean(name=name) for name in ("loss", "bits_per_code")]
        self.build()

    @keras.Model.trainable.setter
    def trainable(self, value):
        keras.Model.trainable.fset(self, value)
        if getattr(self, "vq_vae", None) is not None:
            self.vq_vae.trainable = False

    def _embedding(self, name, count):
        return keras.layers.Embedding(count, self.width, dtype=self.dtype_policy, name=name)

    def build(self, input_shape=None):
        """Build all layers; the constructor has done so."""
        if self.head.built:
            return
        for embedding in (self.embedding, *self.places, *([self.classes] if self.classes else [])):
            embedding.build(None)
        for layer in (*self.blocks, self.widening):
            layer.build((None, *self.grid, self.width))
        self.head.build((None, *self.grid, 2 * self.width))

    # Use -----------------------------------------------------------------------------------

    def log_prob(self, codes, labels=None):
        """The natural logarithm of the probability of each grid, exact: int [B, h, w] -> float32
        [B]. ``labels``: int [B], with num_classes."""
        logits = self._logits(codes, labels)
        return -tf.reduce_sum(_cross_entropy(codes, logits), axis=[1, 2])

    def sample_codes(self, count, seed=0, temperature=1.0, labels=None):
        """New grids: int32 [count, h, w].

        Grid i is a pure function of the weights, its label, the seed (an int or int32 [2]) and i.

        Args: temperature: divides the logits: below 1 likelier codes, 0 at each place the
            likeliest; labels: int [count], with num_classes.
        Raises: UserError for a temperature below 0.
        """
        return self._drawn(example_seeds(seed, count), temperature, labels)

    def sample(self, count, seed=0, temperature=1.0, labels=None):
        """New images by the VQ-VAE, float32 [count, H, W, C] in [0, 1]; see ``sample_codes``."""
        return self.decode(self.sample_codes(count, seed, temperature, labels))

    def encode(self, images):
        """Images [B, H, W, C] in [0, 1] -> their codes by the VQ-VAE, int32 [B, h, w]."""
        return self._autoencoder().encode(images)

    def decode(self, codes):
        """Codes, int [B, h, w], -> images by the VQ-VAE, float32 [B, H, W, C] in [0, 1]."""
        return self._autoencoder().decode(codes)

    def complete(self, codes, rows, seed=0, temperature=1.0, labels=None):
        """Grids, int [B, h, w], of which the first ``rows`` rows stay and the others are drawn:
        int32, the same shape; see ``sample_codes``."""
        codes = self._checked(codes)
        seeds = example_seeds(seed, tf.shape(codes)[0])
        return self._drawn(seeds, temperature, labels, codes, rows)

    def _drawn(self, seeds, temperature, labels, kept=None, rows=0):
        if not tf.is_tensor(temperature):
            check_at_least(0, temperature=temperature)
        self._check_given(labels, seeds)
        labels = None if labels is None else tf.convert_to_tensor(labels)
        return self._sampled(
            seeds, tf.cast(temperature, tf.float32), labels, kept, tf.constant(rows)
        )

    def call(self, inputs, training=False):
        codes, labels, _ = codes_and_labels_of(inputs, self.num_classes)
        return self._logits(codes, labels, training=training)

    def compute_output_shape(self, input_shape):
        batch = (input_shape[0] if self.num_classes else input_shape)[0]
        return (batch, *self.grid, self.codes)

    def takes(self):
        codes = keras.InputSpec("int32", (None, *self.grid), name="codes")
        if not self.num_classes:
            return codes
        return codes, keras.InputSpec("int32", (None,), name="labels")

    # The network ---------------------------------------------------------------------------

    def _logits(self, codes, labels=None, training=False, seed=None):
        (height, width), codes = self.grid, self._checked(codes)
        self._check_given(labels, codes)
        before = self.embedding(tf.pad(codes + 1, [[0, 0], [1, 0], [1, 0]]))  # [B, h + 1, w + 1, C]
        down, right = before[:, :-1, 1:], before[:, 1:, :-1]  # of the place above, of that before
        down, right = (
            x + tf.reshape(places(tf.range(height * width)), [1, height, width, self.width])
            for x, places in zip((down, right), self.places, strict=True)
        )
        if labels is not None:
            about = self._about(labels)
            down, right = down + about, right + about
        for block in self.blocks:
            down, right = block(down, right, training=training, seed=seed)
        return self._head(right)

    def _about(self, labels):
        """int [B] -> [B, 1, 1, C], added at each place."""
        labels = _in_range("labels", tf.cast(labels, tf.int32), self.num_classes)
        return self.classes(labels)[:, None, None]

    def _head(self, x):
        """The last block's ``right`` [..., C] -> logits, float32 [..., K]."""
        return self.head(self.widening(tf.nn.relu(x)))

    @tf.function(reduce_retracing=True)
    def _sampled(self, seeds, temperature, labels=None, kept=None, rows=0):
        """Row by row, in a row place by place: each block goes over a grid once, since it remembers
        what it needs of the rows above and of the places before."""
        (height, width), count = self.grid, tf.shape(seeds)[0]
        reach = self.kernel[0] - 1
        about = 0.0 if labels is None else self._about(labels)

        def draw_row(row, codes, above):
            last = tf.where(row > 0, codes[:, tf.maximum(row - 1, 0)], 0)
            down = self.embedding(last) + self.places[0](row * width + tf.range(width))
            down, found, new = down[:, None] + about, [], []
            for block, memory in zip(self.blocks, above, strict=True):
                rows_seen = tf.concat([memory, down], axis=1)  # [B, kernel, w, C]
                new.append(rows_seen[:, 1:])
                down, one = block.next_row(rows_seen)
                found.append(one)
            drawn = self._draw_places(row, found, about, seeds, temperature)
            drawn = drawn if kept is None else tf.where(row < rows, kept[:, row], drawn)
            here = tf.range(height)[:, None] == row
            return row + 1, tf.where(here, drawn[:, None] + 1, codes), new

        shape = [count, reach, width, self.width]
        nothing = tf.zeros([count, height, width], tf.int32)  # codes + 1, where they are drawn
        above = [tf.zeros(shape, self.compute_dtype) for _ in self.blocks]
        _, codes, _ = tf.while_loop(
            lambda row, *_: row < height, draw_row, (0, nothing, above), maximum_iterations=height
        )
        return codes - 1

    def _draw_places(self, row, found, about, seeds, temperature):
        """The codes of a row, int32 [B, w], from what the blocks found above it."""
        width, count = self.grid[1], tf.shape(seeds)[0]

        def draw(column, codes, before):
            place = row * width + column
            last = tf.where(column > 0, codes[:, tf.maximum(column - 1, 0)], 0)
            right = (self.embedding(last) + self.places[1](place))[:, None, None] + about
            new = []
            for block, memory, one in zip(self.blocks, before, found, strict=True):
                seen = tf.concat([memory, right], axis=2)  # [B, 1, kernel, C]
                new.append(seen[:, :, 1:])
                right = block.next_place(seen, one[:, :, column, None])
            logits = self._head(right)[:, 0, 0] + temperature * _gumbel(seeds, self.codes, place)
            drawn = tf.argmax(logits, axis=-1, output_type=tf.int32)
            here = tf.range(width) == column
            return column + 1, tf.where(here, drawn[:, None] + 1, codes), new

        shape = [count, 1, self.kernel[0] - 1, self.width]
        nothing = tf.zeros([count, width], tf.int32)
        before = [tf.zeros(shape, self.compute_dtype) for _ in self.blocks]
        _, codes, _ = tf.while_loop(
            lambda column, *_: column < width, draw, (0, nothing, before), maximum_iterations=width
        )
        return codes - 1

    # Training ------------------------------------------------------------------------------

    def check_batch(self, batch):
        """Raise UserError if codes are no integers in 0 ... K - 1, of another grid, or labels are
        out of range."""
        codes, labels, _ = codes_and_labels_of(batch, self.num_classes)
        self._check_shape(codes)
        codes = np.asarray(codes)
        if codes.size and not 0 <= codes.min() <= codes.max() < self.codes:
            raise UserError(
                f"codes lie in {codes.min()} ... {codes.max()}, but the model has {self.codes}: "
                f"0 ... {self.codes - 1}"
            )
        if labels is not None:
            check_labels(labels, self.num_classes)

    def as_x_and_y(self, x):
        if self.num_classes:
            return tuple(x)  # codes and labels
        raise UserError(
            "Keras passes weights of arrays on only beside a y, and codes have none: give a "
            "tf.data.Dataset of batches (codes, None, weights)"
        )

    def train_step(self, batch):
        """One step; returns this batch's losses as a dict, the metrics hold the epoch's.

        A loss or gradient that is not finite gives nan, and leaves all as it was (``FiniteStep``).
        """
        step, update = step_counter(self.optimizer), FiniteStep(self)
        with tf.GradientTape() as tape:
            parts = self._loss_terms(batch, step, training=True)
            scaled = scale_for_gradient(self.optimizer, parts["loss"])
        variables = self.trainable_variables
        gradients = tape.gradient(scaled, variables)
        parts["loss"] = update("model", self.optimizer, parts["loss"], gradients, variables)
        update.end()
        return self._track(parts, batch)

    def test_step(self, batch):
        """The losses of a batch, without dropout."""
        return self._track(self._loss_terms(batch), batch)

    def predict_step(self, batch):
        """Logits; Keras' own would drop the labels."""
        return self(batch, training=False)

    def _loss_terms(self, batch, step=0, training=False):
        codes, labels, weights = codes_and_labels_of(batch, self.num_classes)
        seed = example_seeds(self.seed, tf.shape(codes)[0], step) if training else None
        logits = self._logits(codes, labels, training=training, seed=seed)
        nats = example_mean(tf.reduce_mean(_cross_entropy(codes, logits), axis=[1, 2]), weights)
        return {"loss": with_added(nats, self), "bits_per_code": nats / math.log(2.0)}

    def _track(self, parts, batch):
        count = tf.shape(codes_and_labels_of(batch, self.num_classes)[0])[0]
        for mean in self._means:
            mean.update_state(parts[mean.name], sample_weight=count)
        return parts

    @property
    def metrics(self):
        return self._means

    # What it is given ----------------------------------------------------------------------

    def _autoencoder(self):
        if self.vq_vae is None:
            raise UserError("images need a VQ-VAE: make the prior with one, CodePrior(vq_vae=...)")
        return self.vq_vae

    def _check_given(self, labels, grids):
        """Raise UserError if labels are no integers [B], one for each of the grids [B, ...]."""
        if (labels is None) == bool(self.num_classes):
            raise UserError(
                f"labels: the model has {self.num_classes} classes, give one for each grid"
                if self.num_classes
                else "labels: the model has no classes; leave them out, or make it with num_classes"
            )
        if labels is None:
            return
        labels, count = tf.convert_to_tensor(labels), grids.shape[0]
        wanted, found = tf.TensorShape([count]), f"{labels.dtype.name} {labels.shape}"
        if not labels.dtype.is_integer or not labels.shape.is_compatible_with(wanted):
            raise UserError(f"labels must be integers, one for each grid {wanted}, got {found}")

    def _check_shape(self, codes):
        check_shape("codes", codes, *self.grid)
        if not tf.as_dtype(codes.dtype).is_integer:
            raise UserError(f"codes must be integers, got {tf.as_dtype(codes.dtype).name}")

    def _checked(self, codes):
        """int32 [B, h, w]; running it fails for codes out of range, where a GPU would take 0."""
        codes = tf.convert_to_tensor(codes)
        self._check_shape(codes)
        return _in_range("codes", tf.cast(codes, tf.int32), self.codes)

    def get_config(self):
        return {
            **super().get_config(),
            "codes": self.codes,
            "num_classes": self.num_classes,
            "vq_vae": self.vq_vae and keras.saving.serialize_keras_object(self.vq_vae),
            "grid": self.grid,
            "width": self.width,
            "depth": self.depth,
            "kernel": self.kernel,
            "dropout": self.dropout,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        vq_vae = config.get("vq_vae")
        if isinstance(vq_vae, dict):
            config = {**config, "vq_vae": keras.saving.deserialize_keras_object(vq_vae)}
        return cls(**config)


def _cross_entropy(codes, logits):
    """In nats: int [B, h, w] and float32 [B, h, w, K] -> float32 [B, h, w]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(codes, tf.int32), logits)


def _gumbel(seeds, count, place):
    """Noise that makes the largest of [B, count] logits a draw from their softmax, for a place."""
    uniform = tf.maximum(example_uniform(seeds, count, stream=place), 2.0**-25)
    return -tf.math.log(-tf.math.log(uniform))


def _in_range(what, values, count):
    check = tf.debugging.Assert(
        tf.reduce_all((values >= 0) & (values < count)),
        [f"{what} must lie in 0 ... {count - 1}, got", values],
    )
    with tf.control_dependencies([check] if check is not None else []):
        return tf.identity(values)
