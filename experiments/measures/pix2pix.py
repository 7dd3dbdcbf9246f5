"""The figures of a pix2pix, from the functions of its SavedModel or the same in memory."""

from experiments.launch.errors import UsageError
from experiments.measures.asked import named, say_left_out
from tf_gen.evaluation import pix2pix as evaluation
from tf_gen.progress import progress

EPOCH_PAIRS = 100  # at most, of an epoch's end


def pix2pix_epoch_figures(translator, data, options, check) -> dict[str, float]:
    """At an epoch's end: the errors in the report's mode alone, of at most 100 pairs.

    Args: check: called after each batch.
    """
    inputs, targets = (side[:EPOCH_PAIRS] for side in data.val_sides)
    outputs = evaluation.in_report_mode(translator, inputs, options.seed, lambda count: check())
    return _with_mode(evaluation.errors(outputs, targets), "_report_mode")


def pix2pix_figures(translator, data, options, asked) -> dict[str, float]:
    """When training ends, and by ``evaluate``: all of the contract's figures of pairs, in each way
    of using the model at test time."""
    if asked.reader is not None:
        check_reader(asked.reader, options)
    inputs, targets = data.middle(options.image_size) if asked.split == "train" else data.val_sides
    outputs = _translated(translator.translate, inputs, "translate")
    with progress(len(inputs), "translate_noisy") as line:
        noisy = evaluation.in_report_mode(translator, inputs, asked.seed_of(options), line.update)
    return {
        **_with_mode(evaluation.errors(outputs, targets)),
        **_with_mode(evaluation.errors(noisy, targets), "_report_mode"),
        **_image_statistics(translator, inputs, targets),
        **evaluation.trivial_figures(inputs, targets, data.train_sides[1]),
        "noise_std": evaluation.noise_std(translator, inputs),
        **readability(options.direction, inputs, targets, outputs, asked.reader),
        **asked.compared(targets, outputs),
        **asked.compared(targets, noisy, "_report_mode"),
    }


def _image_statistics(translator, inputs, targets):
    translate = getattr(translator, "translate_image_statistics", None)
    if translate is None:
        say_left_out("val_*_image_statistics", why="a SavedModel has no function for them")
        return {}
    outputs = _translated(translate, inputs, "image statistics")
    return _with_mode(evaluation.errors(outputs, targets), "_image_statistics")


def check_reader(reader, options) -> None:
    """Raise UsageError if a SavedModel cannot read the photographs that a run makes."""
    if options.direction != "map_to_aerial":
        raise UsageError("--reader: only a map_to_aerial run makes photographs to be read")
    size, multiple = (int(side) for side in reader.sizes())
    if options.image_size % multiple:
        raise UsageError(f"--reader: of {size} pixels, not {options.image_size}")


def readability(direction, inputs, targets, outputs, reader=None) -> dict[str, float]:
    """How well what a map says can be read in the output (``evaluation.map_agreement``).

    aerial_to_map: output against true map. map_to_aerial: the map that the reader sees in the
    output against the input, and (``_real``) what it sees in the true photograph: no output can be
    expected to be read better than that.
    """
    if direction == "aerial_to_map":
        return named("val", evaluation.map_agreement(targets, outputs))
    if reader is None:
        return {}
    read, real = (
        evaluation.map_agreement(inputs, _translated(reader.translate, photographs, title))
        for photographs, title in ((outputs, "reading outputs"), (targets, "reading photographs"))
    )
    return _with_mode(read) | _with_mode(real, "_real")


def _translated(translate, images, title):
    with progress(len(images), title) as line:
        return evaluation.translated(lambda batch, first: translate(batch), images, line.update)


def _with_mode(found, mode=""):
    return {f"val_{name}{mode}": value for name, value in found.items()}
