"""An autoencoder with a discrete latent (van den Oord et al. 2017; the report, R1.3)."""

import inspect

import keras
import tensorflow as tf

from tf_gen.errors import UserError, check_at_least, check_choice
from tf_gen.layers import VectorQuantizer, VectorQuantizerEMA
from tf_gen.metrics import CodePerplexity, code_counts, perplexity
from tf_gen.optimizers import FiniteStep, scale_for_gradient
from tf_gen.replicas import all_reduce_sum

from .conv_stacks import FILTERS, ConvDecoder, ConvEncoder, halved
from .inputs import check_floats, check_shape, check_values, images_and_targets_of
from .own_losses import OwnLosses, example_mean, with_added

START_IMAGES = 64  # enough for k-means: 16,384 vectors of 64 x 64 images
CODEBOOKS = {"gradient": VectorQuantizer, "ema": VectorQuantizerEMA}


@keras.saving.register_keras_serializable("tf_gen")
class VQVAE(OwnLosses, keras.Model):
    """Encoder, codebook, decoder; any image size that the encoder's poolings divide.

    Args:
        channels: of the images.
        quantizer: a layer of ``tf_gen.layers``, see ``Quantizer``, of this model alone; None:
            the report's, or as the arguments ``codebook`` to ``seed`` say, which go with None only.
        code_dim: width of the vectors that are quantised; None: the encoder's last filters (the
            report's), or what the quantiser takes. Where one of these is given, a 1 x 1
            convolution comes between.
        filters, normalization, pool_last: of the convolutions, see ``ConvEncoder``; an image of
            64 x 64 has 16 x 16 codes, with pool_last 8 x 8: at 9 bits a code (512 codes) that is
            2,304 or 576 bits.
        commitment_weight: beta.
        codebook: ``"gradient"`` for a ``VectorQuantizer``, ``"ema"`` for a
            ``VectorQuantizerEMA``.
        codes, start, restart_below, seed: its arguments.

    ::

        VQVAE(codebook="ema", start="kmeans", restart_below=1.0)
        VQVAE(quantizer=FiniteScalarQuantizer([8, 8, 8]))

    ``fit`` takes batches of images, float32 [B, H, W, C] in [0, 1], or ``(inputs, targets)`` where
    others are to be made of them; weights by example are honoured; ``call`` and ``predict``
    give reconstructions; ``compile`` takes the optimiser, the losses are the model's own.
    Each loss is *averaged* over all elements and images:

    - ``recon_loss``: the squared error, over pixels and channels;
    - ``codebook_loss``: ``(sg[z] - e)^2`` and ``commitment_loss``: ``(z - sg[e])^2``, over
      positions and the vectors' elements; both without a weight;
    - ``loss``: ``recon_loss + codebook_loss + commitment_weight * commitment_loss``, without the
      codebook's where it learns by moving averages, and with what layers add.

    (A residual quantiser sums them over its codebooks; of a finite scalar one they are 0.)
    ``perplexity``: exp of the entropy of the codes' frequencies, in an epoch's or evaluation's
    figures over all its images, in a step's over its batch; of several codebooks, their mean.
    """

    def __init__(
        self,
        channels=3,
        codes=512,
        code_dim=None,
        filters=FILTERS,
        normalization="batch",
        pool_last=False,
        commitment_weight=0.25,
        codebook="gradient",
        start="uniform",
        restart_below=0.0,
        seed=0,
        quantizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_at_least(
            1, channels=channels, codes=codes, code_dim=1 if code_dim is None else code_dim
        )
        check_at_least(0, commitment_weight=commitment_weight, restart_below=restart_below)
        self.channels = channels
        self.filters = tuple(filters)
        self.normalization = normalization
        self.pool_last = pool_last
        self.commitment_weight = commitment_weight
        own = {
            "codes": codes, "codebook": codebook, "start": start, "restart_below": restart_below,
            "seed": seed,
        }  # fmt: skip
        self._own = own if quantizer is None else {}
        if quantizer is None:
            check_choice("codebook", codebook, CODEBOOKS)
            quantizer = CODEBOOKS[codebook](
                codes, start=start, restart_below=restart_below, seed=seed,
                dtype=self.dtype_policy, name="quantizer",
            )  # fmt: skip
        elif given := [name for name, value in own.items() if value != _default(name)]:
            raise UserError(f"{given[0]}: is the quantizer's own; give it to that layer")
        if None not in (code_dim, quantizer.width) and code_dim != quantizer.width:
            raise UserError(
                f"code_dim {code_dim}: the quantizer takes {quantizer.width}; leave it out"
            )
        self.code_dim, self.codes = code_dim, quantizer.codes
        width = code_dim or quantizer.width

        stack = {
            "filters": self.filters, "normalization": normalization, "pool_last": pool_last,
            "dtype": self.dtype_policy,
        }  # fmt: skip
        self.encoder = ConvEncoder(**stack, name="encoder")
        self.projection = None
        if width is not None:
            self.projection = keras.layers.Conv2D(
                width, 1, dtype=self.dtype_policy, name="projection"
            )
        self.quantizer = quantizer
        self.decoder = ConvDecoder(**stack, channels=channels, name="decoder")
        self._means = [
            keras.metrics.Mean(name=name)
            for name in ("loss", "recon_loss", "codebook_loss", "commitment_loss")
        ]
        self._perplexity = CodePerplexity(quantizer.codes, *quantizer.code_shape)
        self.build((None, None, None, channels))

    def build(self, input_shape):
        """Build all layers; the constructor has done so."""
        if self.encoder.built:
            return
        self.encoder.build((None, None, None, self.channels))
        if self.projection:
            self.projection.build((None, None, None, self.filters[-1]))
        width = self.projection.filters if self.projection else self.filters[-1]
        vectors = (None, None, None, width)
        if not self.quantizer.built:  # as one that comes out of a file
            self.quantizer.build(vectors)
        self.decoder.build(vectors)

    # Use -----------------------------------------------------------------------------------

    def encode(self, images):
        """Images [B, H, W, C] in [0, 1] -> codes, int32 [B, h, w]; of N codebooks [B, h, w, N]."""
        return self.quantizer(self._vectors(images))["codes"]

    def decode(self, codes):
        """Codes as ``encode`` gives them, int, -> images, float32 [B, H, W, C] in [0, 1]."""
        check_shape("codes", codes, None, None, *self.quantizer.code_shape)
        return tf.sigmoid(self.decoder(self.quantizer.lookup(codes)))

    def reconstruct(self, images):
        """Images -> images through the nearest codes: deterministic."""
        return self(images)

    def call(self, images, training=False):
        found = self.quantizer(self._vectors(images, training=training))
        return tf.sigmoid(self.decoder(found["quantized"], training=training))

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def _check_shape(self, images):
        check_shape("images", images, None, None, self.channels)
        if None not in images.shape[1:3]:
            halved(images.shape[1:3], self.encoder.factor)

    def _vectors(self, images, training=False):
        self._check_shape(images)
        check_floats(images)
        x = self.encoder(images, training=training)  # [B, h, w, 64]
        return self.projection(x) if self.projection else x

    # Training ------------------------------------------------------------------------------

    def before_training(self, batch):
        """Start the codebook by ``fit``'s first batch, if it starts by k-means."""
        if batch:
            self.start_codebook(images_and_targets_of(batch)[0])
        elif self.quantizer.needs_start:
            raise UserError("a k-means start needs images to look at: call start_codebook first")

    def check_batch(self, batch):
        """Raise UserError if images are no floats in [0, 1], or cannot be halved."""
        for images in images_and_targets_of(batch)[:2]:
            self._check_shape(images)
            check_values(images, 0.0, 1.0)

    def start_codebook(self, images):
        """Start the codebook by k-means on what the encoder makes of images (the first 64), if
        that is what it starts by and it has not started yet. Normalisation's averages move once.
        """
        if self.quantizer.needs_start:
            images = tf.convert_to_tensor(images[:START_IMAGES])
            self.quantizer.start_from(self._vectors(images, training=True))

    def train_step(self, batch):
        """One step; returns this batch's losses as a dict, the metrics hold the epoch's.

        A loss or gradient that is not finite gives nan, and leaves all as it was (``FiniteStep``).
        """
        update = FiniteStep(self, moved=self.quantizer.trainable_variables)  # by a restart
        with tf.GradientTape() as tape:
            parts, codes = self._loss_terms(batch, training=True)
            scaled = scale_for_gradient(self.optimizer, parts["loss"])
        variables = self.trainable_variables
        gradients = tape.gradient(scaled, variables)
        parts["loss"] = update("model", self.optimizer, parts["loss"], gradients, variables)
        update.end()
        return self._track(parts, codes, batch)

    def test_step(self, batch):
        """The losses and the perplexity of a batch, with fixed statistics."""
        return self._track(*self._loss_terms(batch), batch)

    def _loss_terms(self, batch, training=False):
        images, targets, weights = images_and_targets_of(batch)
        vectors = self._vectors(images, training=training)
        found = self.quantizer(vectors, training=training, sample_weight=weights)
        outputs = tf.sigmoid(self.decoder(found["quantized"], training=training))
        errors = tf.square(tf.cast(targets, tf.float32) - outputs)
        recon = example_mean(tf.reduce_mean(errors, axis=[1, 2, 3]), weights)
        codebook, commitment = found["codebook_loss"], found["commitment_loss"]
        loss = recon + self.commitment_weight * commitment
        if self.quantizer.by_gradient:
            loss += codebook
        parts = {
            "loss": with_added(loss, self), "recon_loss": recon, "codebook_loss": codebook,
            "commitment_loss": commitment,
        }  # fmt: skip
        return parts, found["codes"]

    def _track(self, parts, codes, batch):
        count = tf.shape(images_and_targets_of(batch)[0])[0]
        for mean in self._means:
            mean.update_state(parts[mean.name], sample_weight=count)
        self._perplexity.update_state(codes)
        counts = code_counts(codes, self.quantizer.codes, *self.quantizer.code_shape)
        (counts,) = all_reduce_sum([counts])
        return {**parts, "perplexity": tf.reduce_mean(perplexity(counts))}

    @property
    def metrics(self):
        return [*self._means, self._perplexity]

    def get_config(self):
        layer = None if self._own else keras.saving.serialize_keras_object(self.quantizer)
        return {
            **super().get_config(),
            "channels": self.channels,
            "code_dim": self.code_dim,
            "filters": self.filters,
            "normalization": self.normalization,
            "pool_last": self.pool_last,
            "commitment_weight": self.commitment_weight,
            **self._own,
            "quantizer": layer,
        }

    @classmethod
    def from_config(cls, config):
        layer = config.get("quantizer")
        if isinstance(layer, dict):
            config = {**config, "quantizer": keras.saving.deserialize_keras_object(layer)}
        return super().from_config(config)


def _default(name):
    return inspect.signature(VQVAE.__init__).parameters[name].default
