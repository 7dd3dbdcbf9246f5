"""The figures of a pix2pix, from the functions of its SavedModel, or of the model in memory."""

from experiments.measures.asked import named, say_left_out
from tf_gen.data.images import image_sides
from tf_gen.evaluation import pix2pix as evaluation
from tf_gen.progress import progress

EPOCH_PAIRS = 100  # at most, of an epoch's end


def pix2pix_epoch_figures(translator, data, options, check, reader=None) -> dict[str, float]:
    """At an epoch's end: the errors in the report's mode alone, and the mean ``readability``, of
    the first 100 pairs (those of ``pix2pix_figures`` are of all).

    Args: check: called after each batch; reader: see ``Asked``.
    """
    inputs, targets = (side[:EPOCH_PAIRS] for side in data.val_sides)
    outputs = evaluation.in_report_mode(translator, inputs, options.seed, lambda count: check())
    found = evaluation.errors(outputs, targets)
    if reader:
        read = evaluation.translated(lambda batch, _: reader.translate(batch), outputs)
        found["map_iou"] = evaluation.map_agreement(inputs, read)["map_iou"]
    elif options.direction == "aerial_to_map" and inputs.shape[-1] == targets.shape[-1] == 3:
        found["map_iou"] = evaluation.map_agreement(targets, outputs)["map_iou"]
    return named("val", found, "_report_mode")


def pix2pix_figures(translator, data, options, asked) -> dict[str, float]:
    """When training ends, and by ``evaluate``: all figures of a split, in each way of using the
    model at test time."""
    inputs, targets = data.val_sides
    if asked.split == "train":  # whose images are larger, for the jitter
        inputs, targets = data.middle(image_sides(options.image_size))
    outputs = _translated(translator.translate, inputs, "translate")
    with progress(len(inputs), "translate_noisy") as line:
        noisy = evaluation.in_report_mode(translator, inputs, asked.seed_of(options), line.update)
    return {
        **named("val", evaluation.errors(outputs, targets)),
        **named("val", evaluation.errors(noisy, targets), "_report_mode"),
        **named("val", evaluation.frequency_figures(outputs, targets)),
        **_image_statistics(translator, inputs, targets),
        **named("val", evaluation.trivial_errors(inputs, targets, data.train_sides[1])),
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
    return named("val", evaluation.errors(outputs, targets), "_image_statistics")


def readability(direction, inputs, targets, outputs, reader=None) -> dict[str, float]:
    """How well what a map says can be read in the output (``evaluation.map_agreement``).

    aerial_to_map: output against true map. map_to_aerial: the map that the reader sees in the
    output against the input, and (``_real``) what it sees in the true photograph: no output can be
    expected to be read better than that.
    """
    if not inputs.shape[-1] == targets.shape[-1] == 3:  # its classes are colours
        return {}
    if direction == "aerial_to_map":
        return named("val", evaluation.map_agreement(targets, outputs))
    if reader is None:
        return {}
    read, real = (
        evaluation.map_agreement(inputs, _translated(reader.translate, photographs, title))
        for photographs, title in ((outputs, "reading outputs"), (targets, "reading photographs"))
    )
    epochs = getattr(reader, "epochs", None)
    known = {"reader_epochs": epochs} if epochs else {}
    return named("val", read) | named("val", real, "_real") | known


def _translated(translate, images, title):
    with progress(len(images), title) as line:
        return evaluation.translated(lambda batch, first: translate(batch), images, line.update)
