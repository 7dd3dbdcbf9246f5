"""A variational autoencoder (Kingma and Welling 2014; the report, R1.1)."""

import keras
import numpy as np
import tensorflow as tf

from tf_gen import losses
from tf_gen.data.images import image_sides
from tf_gen.errors import check_at_least
from tf_gen.layers import GaussianSampling, bounded_log_var, example_normal, example_seeds
from tf_gen.optimizers import FiniteStep, scale_for_gradient, step_counter

from .conv_stacks import FILTERS, ConvDecoder, ConvEncoder, halved
from .inputs import check_floats, check_shape, check_values, images_and_targets_of
from .latent_fit import FittedLatents
from .own_losses import OwnLosses, example_mean, with_added


@keras.saving.register_keras_serializable("tf_gen")
class VAE(FittedLatents, OwnLosses, keras.Model):
    """Encoder to a Gaussian, decoder to pixels' Bernoulli probabilities.

    Args:
        image_size: height and width, an int or a pair; multiples of the encoder's factor (4).
        channels: of the images.
        latent_dim: the number of latents, D.
        filters, normalization, pool_last: of the convolutions, see ``ConvEncoder``.
        kl_weight: the weight of the KL term (beta; the report has 1).
        kl_warmup_steps: training steps over which that weight rises from 0 linearly.
        free_bits: nats of each latent that the training's KL term does not count (Kingma et al.
            2016), as a batch's mean; ``kl_loss`` does.
        seed: of the noise, which is a pure function of (seed, step, example).

    ``fit`` takes batches of images, float32 [B, H, W, C] in [0, 1], or ``(inputs, targets)`` where
    others are to be made of them; weights by example are honoured; ``call`` and ``predict``
    give reconstructions. What is minimised is the negative ELBO for one image, in nats:

    - ``recon_loss``: the binary cross-entropy, *summed* over pixels and channels;
    - ``kl_loss``: KL(Q(z|X) || N(0, I)), *summed* over the latents;
    - ``loss``: ``recon_loss + kl_weight * kl_loss``, and what layers add;

    each *averaged* over the images alone. z is drawn once for each image, in ``evaluate`` too
    (there with the same noise every time, by an image's place in its batch, and the full
    ``kl_weight``). ``compile`` takes the optimiser: these losses are the model's own.
    """

    def __init__(
        self,
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
        check_at_least(1, channels=channels, latent_dim=latent_dim)
        check_at_least(0, kl_weight=kl_weight, kl_warmup_steps=kl_warmup_steps, free_bits=free_bits)
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
        self.build((None, *self.image_size, channels))

    def build(self, input_shape):
        """Build all layers; the constructor has done so."""
        if self.encoder.built:
            return
        height, width, depth = self.grid
        flat = (None, height * width * depth)
        self.encoder.build((None, *self.image_size, self.channels))
        self.flatten.build((None, *self.grid))
        self.mean_head.build(flat)
        self.log_var_head.build(flat)
        self.sampling.build([(None, self.latent_dim)] * 2)
        self.widening.build((None, self.latent_dim))
        self.unflatten.build(flat)
        self.decoder.build((None, *self.grid))

    # Use -----------------------------------------------------------------------------------

    def encode(self, images, training=False):
        """Images [B, H, W, C] in [0, 1] -> (z_mean, z_log_var), float32 [B, D] each."""
        check_shape("images", images, *self.image_size, self.channels)
        check_floats(images)
        x = self.flatten(self.encoder(images, training=training))
        return self.mean_head(x), self.log_var_head(x)

    def decode(self, latents):
        """Latents [B, D] -> images, float32 [B, H, W, C] in [0, 1]."""
        return tf.sigmoid(self._logits(latents))

    def reconstruct(self, images):
        """Images -> images, from the mean of Q(z|X): deterministic."""
        return self.decode(self.encode(images)[0])

    def sample(self, count, seed=0):
        """Images from z ~ N(0, I): float32 [count, H, W, C] in [0, 1].

        Image i is a pure function of the weights, of the seed (an int or int32 [2]) and of i.
        """
        return self.decode(example_normal(example_seeds(seed, count), [self.latent_dim]))

    def sample_mixture(self, count, seed=0):
        """As ``sample``, from z of the Gaussians that ``fit_latents`` fitted.

        Raises: UserError before ``fit_latents``.
        """
        return self.decode(self._draw_latents(tf.zeros([count], tf.int32), seed))

    def importance_weighted_bound(self, images, samples=64, seed=0):
        """A lower bound of ``log P(X)`` in nats, tighter than the ELBO: float32 [B].

        Args: as ``fit`` takes them; samples: of z for each image, one after the other (Burda et
            al. 2015); seed: an int or int32 [2].
        """
        mean, log_var = self.encode(images)
        count = tf.shape(mean)[0]
        return losses.importance_weighted_bound(
            lambda z: -losses.binary_cross_entropy(images, self._logits(z)),
            lambda i: self.sampling([mean, log_var], seed=example_seeds(seed, count, i)),
            mean, log_var, samples,
        )  # fmt: skip

    def interpolate(self, first, second, steps=8):
        """Images on the straight line between the means of images [B, H, W, C] each.

        Returns: float32 [B, steps, H, W, C] in [0, 1]; both ends are reconstructions.
        """
        start, end = self.encode(first)[0], self.encode(second)[0]
        t = tf.reshape(tf.linspace(0.0, 1.0, steps), [1, steps, 1])
        latents = start[:, None] * (1.0 - t) + end[:, None] * t  # [B, steps, D]
        images = self.decode(tf.reshape(latents, [-1, self.latent_dim]))
        return tf.reshape(images, [-1, steps, *self.image_size, self.channels])

    def call(self, images, training=False):
        mean, _ = self.encode(images, training=training)
        return tf.sigmoid(self._logits(mean, training=training))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.image_size, self.channels)

    def _logits(self, latents, training=False):
        check_shape("latents", latents, self.latent_dim)
        x = self.unflatten(self.widening(latents))  # [B, H/4, W/4, 64]
        return self.decoder(x, training=training)  # [B, H, W, C]

    def _means_and_labels(self, batch):
        images, *_ = images_and_targets_of(batch)
        return self.encode(images)[0], np.zeros(len(images), np.int32)

    def takes(self):
        return keras.InputSpec("float32", (None, *self.image_size, self.channels), name="images")

    # Training ------------------------------------------------------------------------------

    def check_batch(self, batch):
        """Raise UserError if images are no floats in [0, 1] or of another size."""
        for images in images_and_targets_of(batch)[:2]:
            check_shape("images", images, *self.image_size, self.channels)
            check_values(images, 0.0, 1.0)

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

    def _elbo_terms(self, batch, step, kl_weight, training=False):
        images, targets, weights = images_and_targets_of(batch)
        seeds = example_seeds(self.seed, tf.shape(images)[0], step)
        mean, log_var = self.encode(images, training=training)
        z = self.sampling([mean, log_var], seed=seeds)
        logits = self._logits(z, training=training)
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
        count = tf.shape(images_and_targets_of(batch)[0])[0]
        for mean in self._means:
            mean.update_state(parts[mean.name], sample_weight=count)
        return parts

    @property
    def metrics(self):
        return self._means

    def get_config(self):
        return {
            **super().get_config(),
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
