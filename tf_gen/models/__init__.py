"""Models: Keras subclassed models, each with its own ``train_step``."""

from .patch_discriminator import PatchDiscriminator
from .pix2pix import Pix2Pix
from .unet_generator import UNetGenerator

__all__ = ["PatchDiscriminator", "Pix2Pix", "UNetGenerator"]
