"""The baselines: the same networks in the manner of the common Keras tutorials.

Nothing of tf_gen, nothing tuned: Keras' layers, nested tapes, Keras' Adam applied as it comes.
"""

import keras
import tensorflow as tf
from keras import layers

FILTERS, LATENTS, CODES = (16, 32, 64), 128, 512
SIZE = 64  # of the autoencoders' images


# pix2pix -----------------------------------------------------------------------------------


def _down(x, filters, normalize=True):
    x = layers.Conv2D(filters, 4, strides=2, padding="same", use_bias=False)(x)
    if normalize:
        x = layers.BatchNormalization()(x)
    return layers.LeakyReLU(0.2)(x)


def _up(x, filters, dropout=False):
    x = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    if dropout:
        x = layers.Dropout(0.5)(x)
    return layers.ReLU()(x)


def unet(filters=64, size=256):
    """The U-Net generator, as deep as the size allows."""
    x = inputs = keras.Input((size, size, 3))
    depth = size.bit_length() - 1
    skips = []
    for i in range(depth):
        x = _down(x, filters * min(2**i, 8), normalize=i > 0)
        skips.append(x)
    for i, skip in enumerate(skips[-2::-1]):
        x = _up(x, filters * min(2 ** (depth - 2 - i), 8), dropout=i < 3)
        x = layers.Concatenate()([x, skip])
    x = layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="tanh")(x)
    return keras.Model(inputs, x)


def patchgan(filters=64, size=256):
    """The discriminator of 70 x 70 patches."""
    inputs, images = keras.Input((size, size, 3)), keras.Input((size, size, 3))
    x = layers.Concatenate()([inputs, images])
    for i in range(3):
        x = _down(x, filters * 2**i, normalize=i > 0)
    x = layers.ZeroPadding2D()(x)
    x = layers.Conv2D(filters * 8, 4, use_bias=False)(x)
    x = layers.LeakyReLU(0.2)(layers.BatchNormalization()(x))
    return keras.Model([inputs, images], layers.Conv2D(1, 4)(layers.ZeroPadding2D()(x)))


def pix2pix_step(filters=64, size=256, jit_compile=None):
    """(generator, train_step of (inputs, targets)): both gradients from one pass."""
    generator, discriminator = unet(filters, size), patchgan(filters, size)
    generator_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    discriminator_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function(jit_compile=jit_compile)
    def train_step(inputs, targets):
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fakes = generator(inputs, training=True)
            real_logits = discriminator([inputs, targets], training=True)
            fake_logits = discriminator([inputs, fakes], training=True)
            adversarial = cross_entropy(tf.ones_like(fake_logits), fake_logits)
            l1 = tf.reduce_mean(tf.abs(targets - fakes))
            generator_loss = adversarial + 100.0 * l1
            discriminator_loss = cross_entropy(
                tf.ones_like(real_logits), real_logits
            ) + cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        for loss, tape, network, optimizer in (
            (generator_loss, generator_tape, generator, generator_optimizer),
            (discriminator_loss, discriminator_tape, discriminator, discriminator_optimizer),
        ):
            variables = network.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return generator_loss, discriminator_loss

    return generator, train_step


# The autoencoders --------------------------------------------------------------------------


def encoder(channels=3):
    """Images -> [B, 16, 16, 64]."""
    model = keras.Sequential([keras.Input((SIZE, SIZE, channels))])
    for i, filters in enumerate(FILTERS):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        if i < len(FILTERS) - 1:
            model.add(layers.MaxPooling2D())
            model.add(layers.BatchNormalization())
    return model


def decoder():
    """[B, 16, 16, 64] -> images."""
    model = keras.Sequential([keras.Input((SIZE // 4, SIZE // 4, FILTERS[-1]))])
    for i, filters in enumerate(reversed(FILTERS)):
        kernel, strides = (4, 2) if i else (3, 1)
        model.add(
            layers.Conv2DTranspose(
                filters, kernel, strides=strides, padding="same", activation="relu"
            )
        )
        if i < len(FILTERS) - 1:
            model.add(layers.BatchNormalization())
    model.add(layers.Conv2DTranspose(3, 3, padding="same", activation="sigmoid"))
    return model


class Sampling(layers.Layer):
    """z ~ N(mean, exp(log_var))."""

    def __init__(self):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, inputs):
        mean, log_var = inputs
        noise = keras.random.normal(keras.ops.shape(mean), seed=self.seed_generator)
        return mean + keras.ops.exp(0.5 * log_var) * noise


class _Trained(keras.Model):
    """The usual train_step over ``losses_of(batch) -> (loss, its parts ...)``."""

    names = ()

    def make_trackers(self):
        self.trackers = [keras.metrics.Mean(name=name) for name in self.names]

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, batch):
        with tf.GradientTape() as tape:
            parts = self.losses_of(batch)
        gradients = tape.gradient(parts[0], self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        for tracker, value in zip(self.trackers, parts, strict=True):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}


class VAE(_Trained):
    """With ``classes``, a CVAE: one-hot planes beside the image, a one-hot beside z."""

    names = ("loss", "recon_loss", "kl_loss")

    def __init__(self, classes=0):
        super().__init__()
        self.classes = classes
        x = features = keras.Input((SIZE, SIZE, 3 + classes))
        x = layers.Flatten()(encoder(3 + classes)(x))
        mean, log_var = layers.Dense(LATENTS)(x), layers.Dense(LATENTS)(x)
        self.encoder = keras.Model(features, [mean, log_var, Sampling()([mean, log_var])])
        grid = (SIZE // 4, SIZE // 4, FILTERS[-1])
        z = keras.Input((LATENTS + classes,))
        x = layers.Dense(grid[0] * grid[1] * grid[2], activation="relu")(z)
        self.decoder = keras.Model(z, decoder()(layers.Reshape(grid)(x)))
        self.make_trackers()

    def losses_of(self, batch):
        """(loss, reconstruction, KL)."""
        images, features, label = batch, batch, None
        if self.classes:
            images, labels = batch
            label = tf.one_hot(labels, self.classes)
            planes = tf.tile(label[:, None, None], [1, SIZE, SIZE, 1])
            features = tf.concat([images, planes], axis=-1)
        mean, log_var, z = self.encoder(features, training=True)
        if self.classes:
            z = tf.concat([z, label], axis=-1)
        outputs = self.decoder(z, training=True)
        recon = tf.reduce_mean(
            SIZE**2 * 3 * tf.reduce_mean(
                keras.losses.binary_crossentropy(images, outputs), axis=(1, 2)
            )
        )  # fmt: skip
        kl = -0.5 * (1 + log_var - tf.square(mean) - tf.exp(log_var))
        kl = tf.reduce_mean(tf.reduce_sum(kl, axis=1))
        return recon + kl, recon, kl

    def call(self, images):
        return self.decoder(self.encoder(images)[0])


class VectorQuantizer(layers.Layer):
    """The nearest of the codes, straight through; adds its loss."""

    def build(self, input_shape):
        self.codes = self.add_weight(shape=(input_shape[-1], CODES), initializer="uniform")

    def call(self, x):
        flat = tf.reshape(x, [-1, x.shape[-1]])
        distances = (
            tf.reduce_sum(flat**2, axis=1, keepdims=True)
            + tf.reduce_sum(self.codes**2, axis=0)
            - 2 * tf.matmul(flat, self.codes)
        )
        one_hot = tf.one_hot(tf.argmin(distances, axis=1), CODES)
        quantized = tf.reshape(tf.matmul(one_hot, self.codes, transpose_b=True), tf.shape(x))
        commitment = tf.reduce_mean((tf.stop_gradient(quantized) - x) ** 2)
        codebook = tf.reduce_mean((quantized - tf.stop_gradient(x)) ** 2)
        self.add_loss(0.25 * commitment + codebook)
        return x + tf.stop_gradient(quantized - x)


class VQVAE(_Trained):
    """Encoder, codebook, decoder."""

    names = ("loss", "recon_loss", "vq_loss")

    def __init__(self):
        super().__init__()
        images = keras.Input((SIZE, SIZE, 3))
        self.quantizer = VectorQuantizer()
        self.autoencoder = keras.Model(images, decoder()(self.quantizer(encoder()(images))))
        self.make_trackers()

    def losses_of(self, images):
        """(loss, reconstruction, codebook and commitment)."""
        outputs = self.autoencoder(images, training=True)
        recon = tf.reduce_mean((images - outputs) ** 2)
        quantization = sum(self.autoencoder.losses)
        return recon + quantization, recon, quantization

    def call(self, images):
        return self.autoencoder(images)
