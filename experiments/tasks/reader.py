"""The ``aerial_to_map`` run that reads generated photographs as maps."""

from pathlib import Path
from types import SimpleNamespace

from experiments.launch.errors import UsageError
from experiments.launch.saved_models import load_saved_model, record_of
from experiments.tasks.options import shown, sides_of
from tf_gen.pretrained import run_folder
from tf_gen.training.run_dir import RunDir


def load_reader(path: Path | None, options):
    """What ``--reader`` names, or None: the functions of its SavedModel, and ``epochs``, how long
    it was trained, or None.

    Args: options: of the run whose photographs it is to read.
    Raises: UsageError if it cannot.
    """
    if path is None:
        return None
    if getattr(options, "direction", None) != "map_to_aerial":
        raise UsageError("--reader: only a map_to_aerial run makes photographs to be read")
    reader = load_saved_model("reader", path, "pix2pix", ["translate", "sizes"])
    if record_of(path).get("identity", {}).get("direction") == "map_to_aerial":
        raise UsageError(f"--reader {path}: a map_to_aerial run, it reads no photographs")
    multiple = int(reader.sizes()[1])
    if any(side % multiple for side in sides_of(options.image_size)):
        raise UsageError(
            f"--reader {path}: takes multiples of {multiple} pixels, not "
            f"{shown(options.image_size)}"
        )
    if (options.input_channels, options.output_channels) != (3, 3):
        raise UsageError("--reader: only RGB maps and photographs can be read")
    epochs = (RunDir(run_folder(path), writing=False).read("metrics.json") or {}).get("epochs")
    return SimpleNamespace(
        translate=reader.translate, sizes=reader.sizes, epochs=epochs, model=reader
    )  # whose variables live as long as it does
