"""FID, KID, precision and recall for ``experiments.evaluate``."""

import warnings
import zipfile

from experiments._progress import Progress
from tf_gen import metrics
from tf_gen.errors import UserError


def distances(config, real, generated, name: str = "val") -> dict[str, float]:
    """Of real and generated images, [N, H, W, 3] uint8 or float in [0, 1]; {} without a network.

    Names end in ``_keras`` where the network is not that of published figures.
    """
    network = _network(config)
    if network is None:
        return {}
    features = _real_features(config, real, network), _seen(generated, network, "generated")
    suffix = "_keras" if network.name == metrics.KERAS_INCEPTION else ""
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
    return {f"{name}_{measure}{suffix}": value for measure, value in found.items()}


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


def _real_features(config, images, network):
    path = config.real_features
    if path is None or not path.exists():
        found = _seen(images, network, "real")
        if path is not None:
            found.save(path)
        return found
    try:
        found = metrics.Features.load(path)
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"--real-features {path}: no file of features") from error
    if found.network != network.name or len(found.values) != len(images):
        raise UserError(
            f"--real-features {path}: of {len(found.values)} images by {found.network}, not of "
            f"these {len(images)} by {network.name}; name another file"
        )
    print(f"real images: features from {path}")
    return found


def _seen(images, network, title):
    with Progress(len(images), f"features of {title} images") as progress:
        return metrics.features_of(images, network, seen=progress.step)
