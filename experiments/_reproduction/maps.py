"""Part 2 of the report: pix2pix on maps."""

from experiments._markdown import table
from experiments._reproduction.summary import about_data, command, facts, number
from tf_gen import PatchDiscriminator, UNetGenerator
from tf_gen.metrics import MAP_CLASSES, PUBLISHED_AT

DIRECTIONS = ("map_to_aerial", "aerial_to_map")
PUBLISHED_FID = {"aerial_to_map": 122.59, "map_to_aerial": 88.46}  # mmgeneration's table of pix2pix
MODES = {
    "": "`translate`: fixed statistics, no dropout",
    "_report_mode": "the report's mode: dropout on, statistics of batches of 2",
    "_image_statistics": "each image's own statistics, no dropout",
    "_mean_colour": "the training targets' mean colour",
    "_copy": "the input itself",
}
CREDIT = (
    "Maps and aerial photographs, where real: the maps set of Isola et al. 2017, made from "
    "Google Maps."
)


def method_section() -> list[str]:
    """R2.1 and the tables of R2.2: ours are read off the networks as the package builds them."""
    content = facts("pix2pix")
    generator = _rows(UNetGenerator().functional())
    by_name = {row[0]: row for row in generator}
    blocks, discriminator = content["generator"]["rows"], _rows(PatchDiscriminator().functional())
    joined = [shape for name, shape, _ in generator if name.startswith("concat")]
    down = [shape for name, shape, _ in generator if name.startswith("down")]
    outputs = [
        [row["layer"], f"{row['height']}, {row['width']}, {row['channels']}", _shape(shape)]
        for row, shape in zip(content["generator_outputs"]["rows"], down + joined, strict=True)
    ]
    half = _rows(UNetGenerator(depth=7).functional(128, 128))
    shapes = ", ".join(_shape(shape) for name, shape, _ in half if name.startswith(("down", "up")))
    return [
        "## R2.1 pix2pix",
        "",
        "Table: outputs of the U-Net for input (256, 256, 3), after concatenation.",
        "",
        *table(["layer", "the report", "ours"], outputs),
        f"Drawing: the same U-Net for inputs of (128, 128, 3). Ours, block by block: {shapes}.",
        "",
        "Drawings: the conditional discriminator beside the unconditional one. Ours: "
        "`discriminator([inputs, images])` and `discriminator(images)` of "
        "`tf_gen.PatchDiscriminator`, which judge 70 x 70 patches.",
        "",
        "## R2.2 The implementation",
        "",
        "Table: generator summary.",
        "",
        *_network_table(
            "block", blocks, [by_name[row["block"].replace(" ", "_")] for row in blocks]
        ),
        "Table: discriminator summary.",
        "",
        *_network_table("layer", content["discriminator"]["rows"], discriminator),
    ]


def results_section(runs, picture) -> list[str]:
    """R2.2: hyperparameters, figures, both directions, beside published results."""
    content = facts("pix2pix")
    finished = [runs[name] for name in DIRECTIONS if runs[name].finished]
    names = ["beta_1", "learning_rate", "epochs", "batch_size", "reconstruction_weight"]
    rows = [
        [
            name, content["hyperparameters"][name]["value"],
            *(run.done if name == "epochs" else run.options[name] for run in finished),
        ]
        for name in names
    ]  # fmt: skip
    lines = ["Table: hyperparameters (Adam).", ""]
    lines += table(["", "the report", *(run.name for run in finished)], rows)
    for name in DIRECTIONS:
        lines += _direction(runs[name], picture)
    return [*lines, *_readability(finished), *_published(runs), f"*{CREDIT}*", ""]


def _direction(run, picture):
    lines = [f"### {run.name.replace('_', ' ').capitalize()}", ""]
    if not run.finished:
        return [*lines, f"No run yet: {command(run.name)}.", ""]
    lines += [
        f"Data: {about_data(run)}. Epochs: {run.done}; seed "
        f"{run.options['seed']}, {run.options['adversarial_loss'].replace('_', '-')} loss. "
        "Figures of the validation pairs in [0, 1]:",
        "",
    ]
    rows = [
        [said, *(number(run.figure(f"val_{m}{mode}"), d) for m, d in _MEASURES.items())]
        for mode, said in MODES.items()
    ]
    lines += table(["", *(name.upper().replace("_", "-") for name in _MEASURES)], rows)
    lines += picture(run, "data_samples", "Samples of the data: input and ground truth")
    lines += picture(run, "loss_curves", "Losses of the generator and of the discriminator")
    caption = "The validation images of the last epoch: input, output, ground truth"
    lines += picture(run, "validation_last_epoch", caption)
    by_epoch = [
        [
            f"{row['epoch']:g}",
            *(number(row.get(f"val_{m}_report_mode"), d) for m, d in _MEASURES.items()),
        ]
        for row in run.epochs
    ]
    lines += ["Epoch by epoch, in the report's mode:", ""]
    lines += table(["epoch", *(n.upper().replace("_", "-") for n in _MEASURES)], by_epoch)
    for row in run.epochs:
        epoch = f"{row['epoch']:g}"
        caption = f"Epoch {epoch}: 5 validation images as input, output and ground truth"
        lines += picture(run, f"validation_epoch_{epoch}", caption)
    return lines


_MEASURES = {"l1": 4, "psnr": 2, "ssim": 3, "ms_ssim": 3}


def _readability(runs):
    rows = []
    for run in runs:
        for suffix, what in (("", "output"), ("_real", "true photograph")):
            if run.figure(f"val_map_iou{suffix}") is not None:
                rows.append([run.name, what, number(run.figure(f"val_map_iou{suffix}"), 3)])
                for name in MAP_CLASSES:
                    iou, recall = (
                        run.figure(f"val_map_{m}_{name}{suffix}") for m in ("iou", "recall")
                    )
                    rows[-1].append("" if iou is None else f"{iou:.3f} / {recall:.3f}")
    if not rows:
        return []
    return [
        "### Readability of the maps",
        "",
        "Do streets, water and green come out? For `aerial_to_map`: how the output agrees with the "
        "true map, in classes told by the map's colours, intersection over union / recall over all "
        "pixels. For `map_to_aerial`: how what the `aerial_to_map` run reads in the output agrees "
        "with the input map; what it reads in the true photograph is the most that can be "
        "expected.",
        "",
        *table(["run", "read in", "mean IoU", *MAP_CLASSES], rows),
    ]


def _published(runs):
    rows = []
    for name in DIRECTIONS:
        ours = runs[name].figure("val_fid")
        fill = (
            "not measured: `python -m experiments.evaluate --run-dir RUN --inception-weights "
            f"FILE` with a run of {command(name)}; the file is published at {PUBLISHED_AT}"
        )
        kid = runs[name].figure("val_kid")
        told = (
            ""
            if kid is None
            else f", KID {kid:.4f} ± {runs[name].figure('val_kid_standard_error'):.4f}"
        )
        rows.append([name, str(PUBLISHED_FID[name]), fill if ours is None else f"{ours:.2f}{told}"])
    return [
        "### Beside published results",
        "",
        "FID on the same maps, as given in mmgeneration's table: U-Net with batch normalisation, "
        "batch 1, 220,000 iterations (the report's run has 5,480 steps of 2).",
        "",
        *table(["direction", "published FID", "ours"], rows),
    ]


def _rows(functional):
    """(name, output shape, parameters) of each layer."""
    return [
        (layer.name, list(layer.output.shape[1:]), layer.count_params())
        for layer in functional.layers
    ]


def _network_table(key, rows, ours):
    """The report's rows beside ours, (name, output shape, parameters) each."""
    lines = [
        [
            row[key], _shape(row["output_shape"]), f"{row['parameters']:,}",
            _shape(shape), f"{parameters:,}",
        ]
        for row, (_, shape, parameters) in zip(rows, ours, strict=True)
    ]  # fmt: skip
    head = [key, "output shape, the report", "parameters", "ours", "parameters"]
    return table(head, lines)


def _shape(shape):
    return ", ".join(str(side) for side in shape)
