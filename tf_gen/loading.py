"""The model of a finished run, or a ready one."""

import zipfile

import keras

from tf_gen.errors import UserError
from tf_gen.pretrained import ready_models, run_folder


def load(run) -> keras.Model:
    """The Keras model of a finished run, or a ready model, not compiled.

    Args: run: the run's folder, which holds ``model.keras``, or the path of a ``.keras`` file; or,
        where nothing lies at that path, the name of a ready model (``tf_gen.pretrained``).
    Raises: UserError if there is no such thing, or it cannot be read.

    Example::

        vae = tf_gen.load("cartoon_vae")  # or "runs/my-vae"
        images = vae.sample(8)  # float32 [8, H, W, C] in [0, 1]
    """
    run = run_folder(run)
    if not run.exists():
        raise UserError(
            f"{run}: no such file or folder; give the folder of a finished run, or the name of a "
            f"ready model: {', '.join(ready_models())}"
        )
    path = run if run.suffix == ".keras" else run / "model.keras"
    if not path.exists():
        raise UserError(
            f"{run}: has no model.keras; let the run finish, or load its saved_model/ with "
            "tf.saved_model.load if an earlier version made it"
        )
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path}: cannot be read ({reason}); give another file") from error
