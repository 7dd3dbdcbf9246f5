"""What is reported of images, of latents and codes, and of sets of generated images."""

from .codes import CodePerplexity, code_counts, perplexity
from .distances import (
    Features,
    features_of,
    fid,
    frechet_distance,
    images_digest,
    kernel_distance,
    kid,
    precision_recall,
)
from .images import (
    MS_SSIM_SIDE,
    image_errors,
    l1,
    mean_pairwise_distance,
    ms_ssim,
    mse,
    psnr,
    ssim,
)
from .latents import active_units, mutual_information
from .networks import (
    HED,
    KERAS_INCEPTION,
    PUBLISHED_AT,
    hed,
    hed_maps,
    keras_inception,
    load_inception,
)
from .spectra import band_power
from .street_maps import MAP_CLASSES, class_counts, class_overlap, map_classes

__all__ = [
    "HED",
    "KERAS_INCEPTION",
    "MAP_CLASSES",
    "MS_SSIM_SIDE",
    "PUBLISHED_AT",
    "CodePerplexity",
    "Features",
    "active_units",
    "band_power",
    "class_counts",
    "class_overlap",
    "code_counts",
    "features_of",
    "fid",
    "frechet_distance",
    "hed",
    "hed_maps",
    "image_errors",
    "images_digest",
    "keras_inception",
    "kernel_distance",
    "kid",
    "l1",
    "load_inception",
    "map_classes",
    "mean_pairwise_distance",
    "ms_ssim",
    "mse",
    "mutual_information",
    "perplexity",
    "precision_recall",
    "psnr",
    "ssim",
]
