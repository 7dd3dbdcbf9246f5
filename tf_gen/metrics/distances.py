"""How far a set of generated images lies from a set of real ones, by the features that a network
sees in them.

A *network* is any function from float32 images [B, H, W, 3], whole numbers in 0 ... 255, to
features [B, D], with an attribute ``name``: ``tf_gen.metrics.load_inception`` gives the one of
published figures.
"""

import functools
import hashlib
import warnings
from pathlib import Path

import numpy as np

from tf_gen.data.images import to_levels, with_channels

from ._values import image_values


class Features:
    """The features of a set of images, and their statistics in float64.

    Args: values: float [N, D]; network: the name of what saw them; digest: ``images_digest`` of
    the images, if it is known.
    """

    def __init__(self, values, network: str, digest: str = ""):
        self.values, self.network = np.asarray(values, np.float32), network
        self.digest = digest

    @functools.cached_property
    def mean(self) -> np.ndarray:
        """[D]."""
        return self.values.mean(axis=0, dtype=np.float64)

    @functools.cached_property
    def covariance(self) -> np.ndarray:
        """[D, D], unbiased."""
        return np.atleast_2d(np.cov(self.values, rowvar=False, dtype=np.float64))

    def save(self, path) -> None:
        """Write an .npz, so that a set of real images is seen once."""
        with Path(path).open("wb") as file:
            np.savez(file, values=self.values, network=self.network, digest=self.digest)

    @classmethod
    def load(cls, path) -> "Features":
        """Read what ``save`` wrote. Raises: OSError, ValueError or KeyError if it is none."""
        with np.load(path, allow_pickle=False) as found:
            return cls(found["values"], str(found["network"]), str(found["digest"]))


def features_of(images, network, batch=50, seen=lambda count: None) -> Features:
    """What a network sees in images.

    Args: images: [N, H, W, C], grey, RGB or RGBA (shown as RGB), uint8, or float in [0, 1], which
        is rounded to grey levels (as published protocols do by saving PNG files); seen: called with
        each batch's size.
    """
    parts = []
    for first in range(0, len(images), batch):
        part = with_channels(_grey_levels(images[first : first + batch]), 3)
        parts.append(np.asarray(network(part.astype(np.float32))))
        seen(len(part))
    return Features(np.concatenate(parts), network.name, images_digest(images))


def images_digest(images) -> str:
    """What tells one set of images, in this order, from another: SHA-256 of their grey levels."""
    digest = hashlib.sha256(str(images.shape).encode())
    for image in images:
        digest.update(_grey_levels(image).tobytes())
    return digest.hexdigest()


def _grey_levels(images):
    images = np.asarray(images)
    return images if images.dtype == np.uint8 else to_levels(image_values(images))


def frechet_distance(mean_1, covariance_1, mean_2, covariance_2) -> float:
    """The squared Frechet distance of two Gaussians (Heusel et al. 2017, eq. 6).

    |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)), in float64; the trace of the root is the sum of the
    roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric.
    """
    difference = np.asarray(mean_1, np.float64) - mean_2
    values, vectors = np.linalg.eigh(np.asarray(covariance_1, np.float64))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    eigenvalues = np.linalg.eigvalsh(root @ covariance_2 @ root)
    return float(
        difference @ difference
        + np.trace(covariance_1)
        + np.trace(covariance_2)
        - 2.0 * np.sum(np.sqrt(np.maximum(eigenvalues, 0.0)))
    )


def fid(real: Features, generated: Features) -> float:
    """The Frechet Inception distance: 0 (equal) and up. Biased: it falls as images are added.

    Warns where there are too few images for a covariance of full rank; such figures may be compared
    only with those of as many images. Raises: ValueError for features of two networks, or a single
    image, which has no covariance.
    """
    _check_same_network(real, generated)
    count, width = min(len(real.values), len(generated.values)), real.values.shape[1]
    if count < 2:
        raise ValueError("FID needs 2 real and 2 generated images at least")
    if count <= width:
        warnings.warn(
            f"FID of {count} images: fewer than the {width} features, so the covariance has not "
            "full rank; compare it with figures of as many images alone",
            stacklevel=2,
        )
    return frechet_distance(real.mean, real.covariance, generated.mean, generated.covariance)


def kid(real: Features, generated: Features) -> tuple[float, float]:
    """The kernel Inception distance (Binkowski et al. 2018): (estimate, its standard error).

    ``kernel_distance`` of all images, which the published mean over random subsets estimates, too:
    it is unbiased, so it may be below 0, and does not depend on the number of images. The error is
    the jackknife's, each image left out in turn: how far the estimate lies from those of other sets
    as large. (Subsets of one set overlap: what they differ by says little of that.)

    Raises: ValueError for features of two networks, or fewer than 4 images.
    """
    _check_same_network(real, generated)
    if min(len(real.values), len(generated.values)) < 4:
        raise ValueError("KID needs 4 real and 4 generated images at least")
    sums = _kernel_sums(real.values, generated.values)
    within_x, within_y, from_x, from_y = sums
    variance = sum(
        (len(left_out) - 1) * np.var(left_out)
        for left_out in (
            _without_each(within_x, from_x, len(within_y)),
            _without_each(within_y, from_y, len(within_x)),
        )
    )
    return _distance_of(*sums), float(np.sqrt(variance))


def kernel_distance(x, y) -> float:
    """The unbiased squared maximum mean discrepancy of [N, D] and [M, D] under the kernel
    (a . b / D + 1)^3 (Binkowski et al. 2018, section 4; Gretton et al. 2012, eq. 3)."""
    return _distance_of(*_kernel_sums(x, y))


def _kernel_sums(x, y):
    """Of each point of x and of y the kernel's sum over the others of its own set, [N] and [M],
    and over all of the other set, [N] and [M]; float64, in blocks, since N x M may not fit."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)

    def kernel(products):
        root = products / x.shape[1] + 1.0
        return root * root * root  # ** 3 takes several times as long

    def sums(a, b):
        blocks = (a[i : i + 512] for i in range(0, len(a), 512))
        return np.concatenate([kernel(block @ b.T).sum(1) for block in blocks])

    def others(a):
        return sums(a, a) - kernel((a * a).sum(1))

    return others(x), others(y), sums(x, y), sums(y, x)


def _distance_of(within_x, within_y, from_x, from_y) -> float:
    n, m = len(within_x), len(within_y)
    within = within_x.sum() / (n * (n - 1)) + within_y.sum() / (m * (m - 1))
    return float(within - 2.0 * from_x.sum() / (n * m))


def _without_each(within, between, others):
    """The distance without each point of one set in turn, less what the other set alone adds: [N].

    Args: within, between: ``_kernel_sums`` of this set; others: the size of the other.
    """
    n = len(within)
    own = (within.sum() - 2.0 * within) / ((n - 1) * (n - 2))  # its row and its column go
    return own - 2.0 * (between.sum() - between) / ((n - 1) * others)


def precision_recall(real: Features, generated: Features, neighbours=3) -> tuple[float, float]:
    """Improved precision and recall (Kynkaanniemi et al. 2019), each in [0, 1].

    Precision: the share of generated images that lie within a real image's ball, whose radius is
    the distance to its third nearest real one; recall: the same with the sets exchanged.
    Raises: ValueError for features of two networks, or too few images.
    """
    _check_same_network(real, generated)
    if min(len(real.values), len(generated.values)) <= neighbours:
        raise ValueError(f"precision and recall need more than {neighbours} images of each kind")

    def covered(points, centres):
        radii = np.sort(_squared_distances(centres, centres), axis=1)[:, neighbours]
        return float(np.mean((_squared_distances(points, centres) <= radii).any(axis=1)))

    return covered(generated.values, real.values), covered(real.values, generated.values)


def _squared_distances(a, b) -> np.ndarray:
    """[N, D], [M, D] -> float64 [N, M]."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    found = (a * a).sum(1)[:, None] + (b * b).sum(1)[None] - 2.0 * (a @ b.T)
    return np.maximum(found, 0.0)


def _check_same_network(real, generated):
    if real.network != generated.network:
        raise ValueError(
            f"features of {real.network} cannot be compared with those of {generated.network}"
        )
