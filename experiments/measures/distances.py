"""FID, KID, precision and recall for ``experiments.evaluate``."""

import warnings
import zipfile

from experiments.launch.errors import UsageError
from tf_gen import metrics
from tf_gen.progress import progress


class Distances:
    """FID, KID, precision and recall by the network that the options name.

    Raises: UsageError if the network's file is missing or another.
    """

    def __init__(self, config):
        self.network, self._path = _network(config), config.real_features
        self._real = None  # (digest of the real images, what the network sees in them)
        if self._path is not None and (self._path.is_dir() or not self._path.parent.is_dir()):
            raise UsageError(f"--real-features {self._path}: name a file in a folder that is there")

    def __call__(self, real, generated, mode="") -> dict[str, float]:
        """Of real and generated images, [N, H, W, 3] uint8 or float in [0, 1].

        Names have ``mode`` behind the measure, and end in ``_keras`` where the network is not that
        of published figures.
        """
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
            return metrics.features_of(images, self.network, seen=line.update)


def _network(config):
    if config.keras_inception:
        return metrics.keras_inception()
    try:
        return metrics.load_inception(config.inception_weights)
    except FileNotFoundError as error:
        raise UsageError(
            f"--inception-weights {config.inception_weights}: no such file; it is published at "
            f"{metrics.PUBLISHED_AT}"
        ) from error
    except ValueError as error:
        raise UsageError(f"--inception-weights {error}") from error
