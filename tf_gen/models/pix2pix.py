"""pix2pix: a conditional GAN with an L1 term (the report, R2.1; Isola et al. 2017)."""

import contextlib

import keras
import tensorflow as tf

from tf_gen import losses, metrics
from tf_gen.layers import example_seeds
from tf_gen.optimizers import FusedAdam, apply_finite, scale_for_gradient

from .inputs import check_values, first_batch
from .patch_discriminator import PatchDiscriminator
from .unet_generator import UNetGenerator

UPDATES = ("alternating", "simultaneous")


@contextlib.contextmanager
def _tape(variables):
    """A gradient tape that watches these variables alone."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([variable.value for variable in variables])
        yield tape


@keras.saving.register_keras_serializable("tf_gen")
class Pix2Pix(keras.Model):
    """Generator, discriminator, losses and both optimisers; trains by ``fit`` or by our loop.

    Args:
        generator, discriminator: any that keep the call contract of ``UNetGenerator`` and
            ``PatchDiscriminator`` (a discriminator with ``conditional = False`` gets the images
            alone); None makes the report's.
        adversarial_loss: one of ``tf_gen.losses.ADVERSARIAL``.
        reconstruction: ``"l1"`` or ``"l2"``; reconstruction_weight: its weight (lambda).
        update: ``"alternating"`` (the report's order: the discriminator first, then the
            generator against the updated one) or ``"simultaneous"`` (both gradients against
            the networks as they were before the step).
        redraw_fakes: whether the alternating update generates the fakes a second time for the
            generator's loss, as the report's step 4 says; only dropout's noise differs.
        seed: of dropout's noise, which is a pure function of (seed, step, example).

    ``fit`` and ``train_step`` take batches ``(inputs, targets)``, each float32 [B, H, W, C] in
    [-1, 1]. ``call`` gives the generator's images.

    Keras' own callbacks see the generator's optimiser as ``model.optimizer``: those that watch
    or save (CSVLogger, EarlyStopping, ModelCheckpoint, TerminateOnNaN) work as ever; those that
    set a learning rate (LearningRateScheduler, ReduceLROnPlateau) reach the generator's alone,
    so give both optimisers a schedule instead.
    """

    def __init__(
        self,
        generator=None,
        discriminator=None,
        adversarial_loss="non_saturating",
        reconstruction="l1",
        reconstruction_weight=100.0,
        update="alternating",
        redraw_fakes=False,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        for name, value, choices in (
            ("adversarial_loss", adversarial_loss, losses.ADVERSARIAL),
            ("reconstruction", reconstruction, losses.RECONSTRUCTION),
            ("update", update, UPDATES),
        ):
            if value not in choices:
                raise ValueError(f"{name} {value!r} is not one of {', '.join(choices)}")
        self.generator = generator or UNetGenerator(name="generator")
        self.discriminator = discriminator or PatchDiscriminator(name="discriminator")
        self.adversarial_loss = adversarial_loss
        self.reconstruction = reconstruction
        self.reconstruction_weight = reconstruction_weight
        self.update = update
        self.redraw_fakes = redraw_fakes
        self.seed = seed
        self._means = {name: keras.metrics.Mean(name=name) for name in ("l1", "psnr", "ssim")}

    def compile(self, generator_optimizer=None, discriminator_optimizer=None, **kwargs):
        """Set both optimisers; None makes the report's Adam (2e-4, beta_1 0.5).

        ``jit_compile`` is off unless given: XLA makes this step slower on a CPU.
        """
        if "optimizer" in kwargs:
            raise ValueError("give generator_optimizer and discriminator_optimizer, one each")
        optimizers = [
            FusedAdam(2e-4, beta_1=0.5, name=name) if given is None else keras.optimizers.get(given)
            for name, given in (
                ("generator_adam", generator_optimizer),
                ("discriminator_adam", discriminator_optimizer),
            )
        ]
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=optimizers[0], **kwargs)
        self.discriminator_optimizer = optimizers[1]

    def get_compile_config(self):
        if not self.compiled:
            return None
        serialize = keras.saving.serialize_keras_object
        return {
            "generator_optimizer": serialize(self.optimizer),
            "discriminator_optimizer": serialize(self.discriminator_optimizer),
        }

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.build_optimizers()

    def build(self, input_shape):
        """Build both networks for inputs [B, H, W, C]; those that are built are left alone."""
        if not self.generator.built:
            self.generator.build(input_shape)
        images = self.generator.compute_output_shape(input_shape)
        conditional = self.discriminator.conditional
        if not self.discriminator.built:
            self.discriminator.build([input_shape, images] if conditional else images)

    def build_optimizers(self):
        """Make the optimisers' moments, so that a checkpoint can be read into them."""
        self.optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, inputs, training=False, **kwargs):
        return self.generator(inputs, training=training, **kwargs)

    def compute_output_shape(self, input_shape):
        return self.generator.compute_output_shape(input_shape)

    def fit(self, x=None, y=None, **kwargs):
        """Keras' ``fit``. Raises: UserError if the first batch's values lie outside [-1, 1]."""
        if batch := first_batch(x, y):
            self.check_batch(batch)
        return super().fit(x, y, **kwargs)

    @staticmethod
    def check_batch(batch):
        """Raise UserError if images are no floats in [-1, 1], the most common mistake."""
        for images in batch:
            check_values(images, -1.0, 1.0)

    # One training step -------------------------------------------------------------------

    def train_step(self, batch):
        """One step of both networks; returns a dict of float32 scalars, the losses' parts.

        Raises: tf.errors.InvalidArgumentError, the weights as they were before that network's
        update, if a loss or a gradient is not finite. Values are not checked to lie in [-1, 1]
        here but before the first step, by ``fit`` and by our loop (``check_batch``).
        """
        inputs, targets = batch
        if not (self.generator.built and self.discriminator.built):  # fit on a new model
            self.build(tuple(inputs.shape))
        variables = self.generator.trainable_variables
        with _tape(variables) as tape:
            fakes = self.generator(inputs, training=True, seed=self._seeds(inputs, draw=0))
            update_discriminator, fake_logits, logs = self._judge_both(inputs, targets, fakes)
            if self.update == "alternating":
                logs["discriminator_loss"] = update_discriminator()
                if self.redraw_fakes:
                    fakes = self.generator(inputs, training=True, seed=self._seeds(inputs, draw=1))
                fake_logits = self._judge(inputs, fakes)
            adversarial = losses.generator_term(self.adversarial_loss, fake_logits)
            reconstruction = losses.reconstruction(self.reconstruction, targets, fakes)
            loss = adversarial + self.reconstruction_weight * reconstruction
            scaled = scale_for_gradient(self.optimizer, loss)
        gradients = tape.gradient(scaled, variables)
        if self.update == "simultaneous":
            logs["discriminator_loss"] = update_discriminator()
        loss = apply_finite("generator", self.optimizer, loss, gradients, variables)
        return {
            "generator_loss": loss,
            "generator_adversarial_loss": adversarial,
            f"{self.reconstruction}_loss": reconstruction,
            **logs,
        }

    def _judge_both(self, inputs, targets, fakes):
        """(a function that updates the discriminator and returns its loss, its logits of the fakes,
        its logs, the loss left open)."""
        if self.update == "alternating":
            fakes = tf.stop_gradient(fakes)  # the generator's loss takes the updated one's logits
        variables = self.discriminator.trainable_variables
        with _tape(variables) as tape:
            real_logits = self._judge(inputs, targets)
            fake_logits = self._judge(inputs, fakes)
            real, fake = losses.discriminator_terms(self.adversarial_loss, real_logits, fake_logits)
            loss = real + fake
            scaled = scale_for_gradient(self.discriminator_optimizer, loss)

        def update():
            gradients = tape.gradient(scaled, variables)
            return apply_finite(
                "discriminator", self.discriminator_optimizer, loss, gradients, variables
            )

        logs = {
            "discriminator_loss": None,
            "discriminator_real_loss": real,
            "discriminator_fake_loss": fake,
            "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
        }
        return update, fake_logits, logs

    def _judge(self, inputs, images):
        shown = [inputs, images] if self.discriminator.conditional else images
        return self.discriminator(shown, training=True)

    def _seeds(self, inputs, draw):
        seed = tf.stack([tf.constant(self.seed, tf.int32), draw])
        return example_seeds(seed, tf.shape(inputs)[0], self.optimizer.iterations)

    # Evaluation --------------------------------------------------------------------------

    def test_step(self, batch):
        """L1, PSNR and SSIM of images in [0, 1], fixed statistics and no dropout."""
        inputs, targets = batch
        outputs = self.generator(inputs, training=False)
        for name, values in metrics.image_errors(targets, outputs).items():
            self._means[name].update_state(values)
        return {name: mean.result() for name, mean in self._means.items()}

    @property
    def metrics(self):
        return list(self._means.values())

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
            "adversarial_loss": self.adversarial_loss,
            "reconstruction": self.reconstruction,
            "reconstruction_weight": self.reconstruction_weight,
            "update": self.update,
            "redraw_fakes": self.redraw_fakes,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        for network in ("generator", "discriminator"):
            config[network] = keras.saving.deserialize_keras_object(config[network])
        return cls(**config)
