"""Ready models: each in a folder of its own, as a small run.

``NAME/`` holds ``model.keras`` with weights in float16, ``config.json`` and ``metrics.json`` of the
run that it was trained by, ``README.md``, its card, and ``SHA256SUMS``. A clone makes them:
``python -m experiments.make_ready``.
"""

import hashlib
from pathlib import Path

from tf_gen.errors import UserError

ROOT = Path(__file__).parent
DIGESTS = "SHA256SUMS"  # of the weights, as sha256sum prints and checks them


def ready_models() -> list[str]:
    """Their names."""
    return sorted(path.parent.name for path in ROOT.glob(f"*/{DIGESTS}"))


def ready_folder(name) -> Path | None:
    """The folder of the ready model of that name; None if there is none.

    Raises: UserError if its files are not those that were packed.
    """
    if str(name) not in ready_models():
        return None
    folder = ROOT / str(name)
    for line in (folder / DIGESTS).read_text("utf-8").splitlines():
        digest, file = line.split()
        try:
            found = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(f"{folder / file}: {error.strerror}; install tf_gen again") from error
        if found != digest:
            raise UserError(
                f"{folder / file}: damaged, its SHA-256 is not that of {DIGESTS}; "
                "install tf_gen again"
            )
    return folder


def run_folder(run) -> Path:
    """The folder, or file, that a path or the name of a ready model stands for.

    What lies at the path is meant rather than a ready model of that name. A path where nothing lies
    comes back as it is.
    Raises: UserError, see ``ready_folder``.
    """
    run = Path(run)
    return run if run.exists() else ready_folder(run) or run
