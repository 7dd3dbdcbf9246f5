"""SavedModels with explicit signatures, for code that cannot import this package."""

from .autoencoders import export_code_prior, export_cvae, export_vae, export_vq_vae
from .pix2pix import export_pix2pix, translations

__all__ = [
    "export_code_prior",
    "export_cvae",
    "export_pix2pix",
    "export_vae",
    "export_vq_vae",
    "translations",
]
