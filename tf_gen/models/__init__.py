"""Models: Keras subclassed models, each with its own ``train_step``."""

from .code_prior import CodePrior
from .cvae import CVAE
from .global_generator import GlobalGenerator
from .local_enhancer import LocalEnhancer
from .multi_scale_discriminator import MultiScaleDiscriminator
from .patch_discriminator import PatchDiscriminator
from .pix2pix import Pix2Pix
from .resnet_generator import ResNetGenerator
from .segmented_pix2pix import SegmentedPix2Pix
from .segmenting_discriminator import SegmentingDiscriminator
from .spade_generator import SPADEGenerator
from .unet_generator import UNetGenerator
from .vae import VAE
from .vq_vae import VQVAE

__all__ = [
    "CVAE",
    "VAE",
    "VQVAE",
    "CodePrior",
    "GlobalGenerator",
    "LocalEnhancer",
    "MultiScaleDiscriminator",
    "PatchDiscriminator",
    "Pix2Pix",
    "ResNetGenerator",
    "SPADEGenerator",
    "SegmentedPix2Pix",
    "SegmentingDiscriminator",
    "UNetGenerator",
]
