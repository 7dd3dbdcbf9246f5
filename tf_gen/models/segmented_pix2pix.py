"""Pix2Pix against a discriminator that segments (OASIS, Sushko et al. 2021)."""

import keras
import tensorflow as tf

from tf_gen import losses
from tf_gen.errors import UserError, check_at_least
from tf_gen.layers import example_uniform
from tf_gen.replicas import all_reduce_mean

from .pix2pix import Pix2Pix
from .segmenting_discriminator import SegmentingDiscriminator

NO_OTHER = "non_saturating"  # what the segmenting loss is, for more classes than real and fake


@keras.saving.register_keras_serializable("tf_gen")
class SegmentedPix2Pix(Pix2Pix):
    """``Pix2Pix`` whose discriminator names each pixel's class, or fake.

    Its adversarial terms are cross-entropies, in which each class that a batch shows counts alike
    (``tf_gen.losses.class_balanced_cross_entropy``), of the whole batch over all replicas.

    Args:
        discriminator: ``SegmentingDiscriminator`` or any that returns (logits, labels) as it does;
            None makes the paper's.
        label_mix_weight: of LabelMix, the paper's 10; 0 leaves it out: what the discriminator says
            of a picture put together of target and fake, each class of an example's map from one
            of them, should be what it says of the two, put together. Which from where is drawn
            anew in every step.
        others: see ``Pix2Pix``. There is no other adversarial loss, and no gradient penalty.

    The logs have ``label_mix_loss``, too; ``d_real`` and ``d_fake`` are the mean probability of not
    being fake.
    """

    def __init__(self, generator=None, discriminator=None, label_mix_weight=10.0, **kwargs):
        discriminator = discriminator or SegmentingDiscriminator(
            dtype=kwargs.get("dtype"), name="discriminator"
        )
        super().__init__(generator, discriminator, **kwargs)
        check_at_least(0, label_mix_weight=label_mix_weight)
        if self.adversarial_loss != NO_OTHER:
            raise UserError(
                f'adversarial_loss="{self.adversarial_loss}": a segmenting discriminator has a '
                "loss of its own; leave it out"
            )
        if self.gradient_penalty_weight:
            raise UserError(
                f"gradient_penalty_weight {self.gradient_penalty_weight}: is of a discriminator "
                "that has one logit to a place, not one to a class; leave it out"
            )
        self.label_mix_weight = label_mix_weight

    def generator_terms(self, inputs, targets, fakes, judged):
        adversarial = losses.class_balanced_cross_entropy(*judged, _class_shares(judged))
        return self.generator_sum(adversarial, targets, fakes)

    def discriminator_terms(self, judged_real, judged_fake):
        real = losses.class_balanced_cross_entropy(*judged_real, _class_shares(judged_real))
        fake = losses.fake_cross_entropy(judged_fake[0])
        return {
            "discriminator_loss": real + fake,
            "discriminator_real_loss": real,
            "discriminator_fake_loss": fake,
            "d_real": _mean_probability(judged_real),
            "d_fake": _mean_probability(judged_fake),
        }

    def discriminator_penalties(self, inputs, targets, fakes, judged_real, judged_fake):
        if not self.label_mix_weight:
            return {}
        (real, labels), (fake, _) = judged_real, judged_fake
        mask = self._mask(inputs, labels)
        mixed = losses.mixed(mask, targets, tf.stop_gradient(fakes))
        found, _ = self._logits(self.judge(inputs, mixed))
        return {
            "label_mix_loss": (self.label_mix_weight, losses.label_mix(mask, found, real, fake))
        }

    def _mask(self, inputs, labels):
        """1 on the pixels of half of each example's classes, drawn by chance, else 0:
        [B, H, W, 1]."""
        uniform = example_uniform(self._seeds(inputs, draw=2), labels.shape[-1])  # [B, classes]
        chosen = tf.cast(uniform < 0.5, labels.dtype)
        return tf.reduce_sum(labels * chosen[:, None, None], axis=-1, keepdims=True)

    @property
    def penalty_names(self):
        return ("label_mix_loss",) if self.label_mix_weight else ()

    def get_config(self):
        return {**super().get_config(), "label_mix_weight": self.label_mix_weight}


def _class_shares(judged):
    """Of a batch's pixels, over all replicas: float32 [classes]."""
    _, labels = judged
    (shares,) = all_reduce_mean([tf.reduce_mean(labels, axis=[0, 1, 2])])
    return shares


def _mean_probability(judged):
    logits, _ = judged
    return 1.0 - tf.reduce_mean(tf.nn.softmax(logits)[..., -1])
