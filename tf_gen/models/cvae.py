"""A conditional VAE: one model for several classes (Sohn et al. 2015; the report, R1.2)."""

import keras
import tensorflow as tf

from tf_gen import losses
from tf_gen.data.images import image_sides
from tf_gen.errors import UserError, check_at_least
from tf_gen.layers import GaussianSampling, bounded_log_var, example_normal, example_seeds
from tf_gen.optimizers import FiniteStep, scale_for_gradient, step_counter

from .conv_stacks import FILTERS, ConvDecoder, ConvEncoder, halved
from .inputs import (
    check_floats,
    check_labels,
    check_shape,
    check_values,
    images_labels_and_targets_of,
)
from .latent_fit import FittedLatents
from .own_losses import OwnLosses, example_mean, with_added


@keras.saving.register_keras_serializable("tf_gen")
class CVAE(FittedLatents, OwnLosses, keras.Model):
    """A VAE that is told the class of each image, on both sides of its latents.

    The label, one-hot, is joined to the image as ``num_classes`` planes of 0 or 1, and to z,
    there times the square root of ``latent_dim``.

    Args:
        num_classes: labels are integers 0 ... num_classes - 1.
        image_size, channels, latent_dim, filters, normalization, pool_last, kl_weight,
            kl_warmup_steps, free_bits, seed: as in ``VAE``.

    ``fit`` takes batches ``(images, labels)``: float32 [B, H, W, C] in [0, 1] and int [B], or
    ``((images, labels), targets)``; weights by example are honoured;
    ``call`` and ``predict`` take both as well and give the images' reconstructions. The losses
    ``loss``, ``recon_loss`` and ``kl_loss`` are summed and averaged as in ``VAE``.
    """

    def __init__(
        self,
        num_classes=2,
        image_size=64,
        channels=3,
        latent_dim=128,
        filters=FILTERS,
        normalization="batch",
        pool_last=False,
        kl_weight=1.0,
        kl_warmup_steps=0,
        free_bits=0.0,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_at_least(1, num_classes=num_classes, channels=channels, latent_dim=latent_dim)
        check_at_least(0, kl_weight=kl_weight, kl_warmup_steps=kl_warmup_steps, free_bits=free_bits)
        self.num_classes = num_classes
        self.image_size = image_sides(image_size)
        self.channels = channels
        self.latent_dim = latent_dim
        self.filters = tuple(filters)
        self.normalization = normalization
        self.pool_last = pool_last
        self.kl_weight = kl_weight
        self.kl_warmup_steps = kl_warmup_steps
        self.free_bits = free_bits
        self.seed = seed

        stack = {
            "filters": self.filters, "normalization": normalization, "pool_last": pool_last,
            "dtype": self.dtype_policy,
        }  # fmt: skip
        self.encoder = ConvEncoder(**stack, name="encoder")
        self.decoder = ConvDecoder(**stack, channels=channels, name="decoder")
        self.grid = (*halved(self.image_size, self.encoder.factor), self.filters[-1])
        height, width, depth = self.grid
        self.flatten = keras.layers.Flatten(dtype=self.dtype_policy)
        # float32: the exponential of a log-variance takes no rounding to bfloat16
        self.mean_head = keras.layers.Dense(latent_dim, dtype="float32", name="z_mean")
        self.log_var_head = keras.layers.Dense(
            latent_dim, activation=bounded_log_var, dtype="float32", name="z_log_var"
        )
        self.sampling = GaussianSampling(dtype="float32", name="sampling")
        self.widening = keras.layers.Dense(
            height * width * depth, activation="relu", dtype=self.dtype_policy, name="widening"
        )
        self.unflatten = keras.layers.Reshape(self.grid, dtype=self.dtype_policy)
        self._means = [keras.metrics.Mean(name=name) for name in ("loss", "recon_loss", "kl_loss")]
        self.build()

    def build(self, input_shape=None):
        """Build all layers; the constructor has done so."""
        if self.encoder.built:
            return
        height, width, depth = self.grid
        flat = (None, height * width * depth)
        self.encoder.build((None, *self.image_size, self.channels + self.num_classes))
        self.flatten.build((None, *self.grid))
        self.mean_head.build(flat)
        self.log_var_head.build(flat)
        self.sampling.build([(None, self.latent_dim)] * 2)
        self.widening.build((None, self.latent_dim + self.num_classes))
        self.unflatten.build(flat)
        self.decoder.build((None, *self.grid))

    # Use -----------------------------------------------------------------------------------

    def encode(self, images, labels, training=False):
        """Images [B, H, W, C] in [0, 1], labels int [B] -> (z_mean, z_log_var), float32 [B, D]."""
        check_shape("images", images, *self.image_size, self.channels)
        check_floats(images)
        images = tf.convert_to_tensor(images)
        planes = tf.cast(self._one_hot(labels), images.dtype)[:, None, None, :]
        planes = tf.broadcast_to(planes, [tf.shape(images)[0], *self.image_size, self.num_classes])
        x = self.encoder(tf.concat([images, planes], axis=-1), training=training)
        x = self.flatten(x)
        return self.mean_head(x), self.log_var_head(x)

    def decode(self, latents, labels):
        """Latents [B, D], labels int [B] -> images, float32 [B, H, W, C] in [0, 1]."""
        return tf.sigmoid(self._logits(latents, labels))

    def reconstruct(self, images, labels):
        """Images and their labels -> images, from the mean of Q(z|X, c): deterministic."""
        return self.decode(self.encode(images, labels)[0], labels)

    def sample(self, labels, seed=0):
        """An image of each label's class, int [B], from z ~ N(0, I): float32 [B, H, W, C].

        Image i is a pure function of the weights, its label, the seed (an int or int32 [2]) and
        i: equal seeds give equal latents under different labels.
        """
        seeds = example_seeds(seed, tf.shape(labels)[0])
        return self.decode(example_normal(seeds, [self.latent_dim]), labels)

    def sample_mixture(self, labels, seed=0):
        """As ``sample``, from z of the Gaussians that ``fit_latents`` fitted to each class.

        Raises: UserError before ``fit_latents``.
        """
        return self.decode(self._draw_latents(labels, seed), labels)

    def importance_weighted_bound(self, images, labels, samples=64, seed=0):
        """A lower bound of ``log P(X|c)`` in nats, tighter than the ELBO: float32 [B].

        Args: as ``fit`` takes them; samples: of z for each image, one after the other (Burda et
            al. 2015); seed: an int or int32 [2].
        """
        mean, log_var = self.encode(images, labels)
        count = tf.shape(mean)[0]
        return losses.importance_weighted_bound(
            lambda z: -losses.binary_cross_entropy(images, self._logits(z, labels)),
            lambda i: self.sampling([mean, log_var], seed=example_seeds(seed, count, i)),
            mean, log_var, samples,
        )  # fmt: skip

    def interpolate(self, first, second, first_labels, second_labels, steps=8):
        """Images on the straight line between the means of images [B, H, W, C] each.

        The labels, as one-hot vectors, go along the line too: between two classes the images
        change from one to the other. Returns: float32 [B, steps, H, W, C] in [0, 1].
        """
        start = self._joined(self.encode(first, first_labels)[0], first_labels)
        end = self._joined(self.encode(second, second_labels)[0], second_labels)
        t = tf.reshape(tf.linspace(0.0, 1.0, steps), [1, steps, 1])
        joined = start[:, None] * (1.0 - t) + end[:, None] * t  # [B, steps, D + classes]
        images = tf.sigmoid(self._from_joined(tf.reshape(joined, [-1, joined.shape[-1]])))
        return tf.reshape(images, [-1, steps, *self.image_size, self.channels])

    def call(self, inputs, training=False):
        images, labels, *_ = images_labels_and_targets_of(inputs)
        mean, _ = self.encode(images, labels, training=training)
        return tf.sigmoid(self._logits(mean, labels, training=training))

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], *self.image_size, self.channels)

    def _means_and_labels(self, batch):
        images, labels, *_ = images_labels_and_targets_of(batch)
        return self.encode(images, labels)[0], labels

    def takes(self):
        shape = (None, *self.image_size, self.channels)
        images = keras.InputSpec("float32", shape, name="images")
        return images, keras.InputSpec("int32", (None,), name="labels")

    def _one_hot(self, labels):
        labels = tf.convert_to_tensor(labels)
        if not labels.dtype.is_integer or labels.shape.rank not in (1, None):
            found = f"{labels.dtype.name} {labels.shape}"
            raise UserError(f"labels must be integers of the shape [B], got {found}")
        labels = tf.cast(labels, tf.int32)
        check = tf.debugging.Assert(
            tf.reduce_all((labels >= 0) & (labels < self.num_classes)),
            [f"labels must lie in 0 ... {self.num_classes - 1}, got", labels],
        )
        with tf.control_dependencies([check] if check is not None else []):
            return tf.one_hot(labels, self.num_classes)  # [B, classes]

    def _joined(self, latents, labels):
        check_shape("latents", latents, self.latent_dim)
        # As heavy as all latents together: as a mere 1 the label loses against them, and the
        # class is left to z (docs/decisions.md).
        label = self._one_hot(labels) * self.latent_dim**0.5
        return tf.concat([tf.cast(latents, tf.float32), label], axis=-1)

    def _logits(self, latents, labels, training=False):
        return self._from_joined(self._joined(latents, labels), training=training)

    def _from_joined(self, joined, training=False):
        x = self.unflatten(self.widening(joined))  # [B, H/4, W/4, 64]
        return self.decoder(x, training=training)  # [B, H, W, C]

    # Training ------------------------------------------------------------------------------

    def check_batch(self, batch):
        """Raise UserError if images are no floats in [0, 1], of another size, or labels are out
        of range."""
        images, labels, targets, _ = images_labels_and_targets_of(batch)
        for given in (images, targets):
            check_shape("images", given, *self.image_size, self.channels)
            check_values(given, 0.0, 1.0)
        check_labels(labels, self.num_classes)

    def as_x_and_y(self, x):
        return tuple(x)  # images and labels

    def train_step(self, batch):
        """One step; returns this batch's losses as a dict, the metrics hold the epoch's.

        A loss or gradient that is not finite gives nan, and leaves all as it was (``FiniteStep``).
        """
        self.latent_fit = None  # its latents are about to move
        step, update = step_counter(self.optimizer), FiniteStep(self)
        with tf.GradientTape() as tape:
            parts = self._elbo_terms(batch, step, self._kl_weight(step), training=True)
            scaled = scale_for_gradient(self.optimizer, parts["loss"])
        variables = self.trainable_variables
        gradients = tape.gradient(scaled, variables)
        parts["loss"] = update("model", self.optimizer, parts["loss"], gradients, variables)
        update.end()
        return self._track(parts, batch)

    def test_step(self, batch):
        """The losses of a batch, with fixed statistics, fixed noise and the full KL weight."""
        return self._track(self._elbo_terms(batch, -1, self.kl_weight), batch)

    def predict_step(self, batch):
        """Reconstructions; Keras' own would drop the labels."""
        return self(images_labels_and_targets_of(batch)[:2], training=False)

    def _elbo_terms(self, batch, step, kl_weight, training=False):
        images, labels, targets, weights = images_labels_and_targets_of(batch)
        seeds = example_seeds(self.seed, tf.shape(images)[0], step)
        mean, log_var = self.encode(images, labels, training=training)
        z = self.sampling([mean, log_var], seed=seeds)
        logits = self._logits(z, labels, training=training)
        recon = example_mean(losses.binary_cross_entropy(targets, logits), weights)
        kl_by_latent = example_mean(losses.gaussian_kl(mean, log_var, axis=()), weights)  # [D]
        kl = tf.reduce_sum(kl_by_latent)
        counted = losses.free_bits(kl_by_latent, self.free_bits) if training else kl
        loss = with_added(recon + kl_weight * counted, self)
        return {"loss": loss, "recon_loss": recon, "kl_loss": kl}

    def _kl_weight(self, step):
        if not self.kl_warmup_steps:
            return self.kl_weight
        return self.kl_weight * tf.minimum(1.0, tf.cast(step, tf.float32) / self.kl_warmup_steps)

    def _track(self, parts, batch):
        count = tf.shape(images_labels_and_targets_of(batch)[1])[0]
        for mean in self._means:
            mean.update_state(parts[mean.name], sample_weight=count)
        return parts

    @property
    def metrics(self):
        return self._means

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "image_size": self.image_size,
            "channels": self.channels,
            "latent_dim": self.latent_dim,
            "filters": self.filters,
            "normalization": self.normalization,
            "pool_last": self.pool_last,
            "kl_weight": self.kl_weight,
            "kl_warmup_steps": self.kl_warmup_steps,
            "free_bits": self.free_bits,
            "seed": self.seed,
        }
