"""FID, KID, precision and recall for ``experiments.evaluate``."""

import warnings
import zipfile

from experiments.launch.progress import Progress
from tf_gen import metrics
from tf_gen.errors import UserError


class Distances:
    """FID, KID, precision and recall by the network that the options name; nothing without one.

    Raises: UserError if the network's file is missing or another.
    """

    def __init__(self, config):
        self.network, self._path = _network(config), config.real_features
        self._real = None  # (digest of the real images, what the network sees in them)
        if self._path is not None and (self._path.is_dir() or not self._path.parent.is_dir()):
            raise UserError(f"--real-features {self._path}: name a file in a folder that is there")

    def __call__(self, real, generated, mode="") -> dict[str, float]:
        """Of real and generated images, [N, H, W, 3] uint8 or float in [0, 1].

        Names have ``mode`` behind the measure, and end in ``_keras`` where the network is not that
        of published figures.
        """
        if self.network is None:
            return {}
        features = self._real_features(real), self._seen(generated, "generated")
        suffix = "_keras" if self.network.name == metrics.KERAS_INCEPTION else ""
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = {"fid": metrics.fid(*features)}
        for warning in told:
            print(f"warning: {warning.message}")
        try:
            found["kid"], found["kid_standard_error"] = metrics.kid(*features)
            found["precision"], found["recall"] = metrics.precision_recall(*features)
        except ValueError as error:
            print(f"left out: {error}")
        return {f"val_{measure}{mode}{suffix}": value for measure, value in found.items()}

    def _real_features(self, images):
        digest = metrics.images_digest(images)
        if self._real is None or self._real[0] != digest:
            self._real = digest, self._load_or_compute(images, digest)
        return self._real[1]

    def _load_or_compute(self, images, digest):
        path, network = self._path, self.network
        if path is None or not path.exists():
            found = self._seen(images, "real")
            if path is not None:
                found.save(path)
            return found
        try:
            found = metrics.Features.load(path)
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"--real-features {path}: no file of features") from error
        if found.network != network.name or found.digest != digest:
            raise UserError(
                f"--real-features {path}: of {len(found.values)} images by {found.network}, not "
                f"of these {len(images)} by {network.name}; name another file"
            )
        print(f"real images: features from {path}")
        return found

    def _seen(self, images, title):
        with Progress(len(images), f"features of {title} images") as progress:
            return metrics.features_of(images, self.network, seen=progress.step)


def _network(config):
    if config.keras_inception:
        return metrics.keras_inception()
    if config.inception_weights is None:
        return None
    try:
        return metrics.load_inception(config.inception_weights)
    except FileNotFoundError as error:
        raise UserError(
            f"--inception-weights {config.inception_weights}: no such file; it is published at "
            f"{metrics.PUBLISHED_AT}"
        ) from error
    except ValueError as error:
        raise UserError(f"--inception-weights {error}") from error
