"""Part 2 of the report: pix2pix on maps."""

import functools

from experiments.launch.markdown import table
from experiments.page.runs import SHORT, SUCCESSORS, spread
from experiments.page.summary import (
    about_data,
    command,
    edge_detector_lines,
    facts,
    filled,
    number,
    objective_lines,
)
from tf_gen import PatchDiscriminator, UNetGenerator
from tf_gen.metrics import MAP_CLASSES, PUBLISHED_AT

DIRECTIONS = ("map_to_aerial", "aerial_to_map")
PUBLISHED = "https://github.com/open-mmlab/mmgeneration/tree/master/configs/pix2pix"
PUBLISHED_FID = {  # its README: (trained there, by the paper's authors)
    "map_to_aerial": (88.46, 102.07),
    "aerial_to_map": (122.59, 149.73),
}
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


@functools.cache  # the report's networks have 57 million weights
def network_tables() -> dict[str, list]:
    """The report's three tables of R2: rows of (name, the report's cells, ours), ours read off the
    networks as the package builds them."""
    content = facts("pix2pix")
    generator, discriminator = UNetGenerator().functional(), PatchDiscriminator().functional()
    named = {row[0]: row for row in _rows(generator)}
    outputs = [
        (row["layer"], [f"{row['height']}, {row['width']}, {row['channels']}"], [shape])
        for row, (_, shape) in zip(
            content["generator_outputs"]["rows"], _joined(generator), strict=True
        )
    ]
    blocks = content["generator"]["rows"]
    return {
        "outputs": outputs,
        "generator": _summary(
            "block", blocks, [named[row["block"].replace(" ", "_")] for row in blocks]
        ),
        "discriminator": _summary("layer", content["discriminator"]["rows"], _rows(discriminator)),
    }


def method_section(runs, picture) -> list[str]:
    """R2.1 and the tables of R2.2."""
    tables = {
        name: [[first, *theirs, *ours] for first, theirs, ours in rows]
        for name, rows in network_tables().items()
    }
    head = ["output shape, the report", "parameters", "ours", "parameters"]
    half = enumerate(_joined(UNetGenerator(depth=7).functional(128, 128)), 1)
    return [
        "## R2.1 pix2pix",
        "",
        *objective_lines("pix2pix"),
        *_step_lines(),
        "Table: outputs of the U-Net for input (256, 256, 3), after concatenation.",
        "",
        *table(["layer", "the report", "ours"], tables["outputs"]),
        "Drawing: the same U-Net for inputs of (128, 128, 3). Ours, after concatenation:",
        "",
        *table(["layer", "ours"], [[k, shape] for k, (_, shape) in half]),
        "Drawings: the conditional discriminator beside the unconditional one. Ours: "
        "`PatchDiscriminator()([inputs, images])` and "
        "`PatchDiscriminator(conditional=False)(images)`, which judge patches of 70 x 70.",
        "",
        *_successors(runs, picture),
        "## R2.2 The implementation",
        "",
        "Table: generator summary.",
        "",
        *table(["block", *head], tables["generator"]),
        "Table: discriminator summary.",
        "",
        *table(["layer", *head], tables["discriminator"]),
    ]


def _successors(runs, picture):
    """SPADE and pix2pixHD, which the report describes and does not build."""
    lines = [
        "### SPADE and pix2pixHD",
        "",
        "The report describes both as what came after pix2pix. Ours are held row by row to their "
        "papers (`experiments/report/spade.toml`, `pix2pixhd.toml`). Below small ones, beside a "
        "small pix2pix of as many steps (`short`). That of pix2pixHD is trained on crops and "
        "measured on whole images at its own size: its figures are not to be set beside the "
        "others'.",
        "",
    ]
    if missing := [name for name in SUCCESSORS if not runs[name].finished]:
        lines += [f"No run yet: {', '.join(command(name) for name in missing)}.", ""]
    shown = [runs[name] for name in ("short", *SUCCESSORS) if runs[name].finished]
    columns = {"val_l1": "L1", "val_ssim": "SSIM", "val_ms_ssim": "MS-SSIM",
               "val_kid_hed": "KID by the edge detector",
               "val_kid_standard_error_hed": "its standard error"}  # fmt: skip
    rows = [[run.name, f"{run.metrics['steps']:,}", *map(run.cell, columns)] for run in shown]
    if rows:
        lines += table(["run", "steps", *columns.values()], rows)
    for run in shown:
        if run.name in SUCCESSORS:
            caption = f"{run.name}: validation images as input, output and ground truth"
            lines += picture(run, "validation_last_epoch", caption)
    return lines


def _step_lines():
    """The order of a training step, the report's beside that of ``Pix2Pix.train_step``."""
    steps = facts("pix2pix")["training_step"]["steps"]
    numbered = ", ".join(f"({k}) {step}" for k, step in enumerate(steps, 1))
    return [
        f"Each training step, in the report's order: {numbered}. Ours is the same order "
        "(`--update alternating`, the default), but for (4): the fakes of (1) are judged again.",
        "",
        "Noise: dropout alone, on in training and in test. Ours: the same in `translate_noisy`; "
        "`translate` is without noise.",
        "",
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
    lines += [*_readability(finished), *_short_runs(runs, picture), *_published(runs)]
    return [*lines, f"*{CREDIT}*", ""]


def _direction(run, picture):
    lines = [f"### {run.name.replace('_', ' ').capitalize()}", ""]
    if not run.finished:
        return [*lines, f"No run yet: {command(run.name)}.", ""]
    lines += [
        f"Data: {about_data(run)}. Epochs: {run.done}; "
        f"{run.seeds}, {run.options['adversarial_loss'].replace('_', '-')} loss. "
        "Figures of the validation pairs in [0, 1]:",
        "",
    ]
    rows = [
        [said, *(_cell(run, f"val_{m}{mode}", d) for m, d in _MEASURES.items())]
        for mode, said in MODES.items()
    ]
    lines += table(["", *(name.upper().replace("_", "-") for name in _MEASURES)], filled(rows))
    lines += edge_detector_lines(run, {mode: MODES[mode] for mode in ("", "_report_mode")})
    lines += picture(run, "data_samples", "Samples of the data: input and ground truth")
    lines += picture(run, "loss_curves", "Losses of the generator and of the discriminator")
    lines += ["Epoch by epoch, in the report's mode, and what stands beside it:", ""]
    head = ["epoch", *(n.upper().replace("_", "-") for n in _MEASURES), "mean IoU of the maps"]
    rows = _by_epoch(run)
    known = len(head) if any(row[-1] for row in rows) else -1  # readability: since 0.2.0
    lines += table(head[:known], [row[:known] for row in rows])
    if " of " in run.done:
        lines += ["Later epochs are missing: the same command goes on with the run.", ""]
    if len(run.epochs) > 1:
        first = f"validation_epoch_{run.epochs[0]['epoch']:g}"
        caption = "The first epoch: 5 validation images as input, output and ground truth"
        lines += picture(run, first, caption, wide=True)
    caption = "The last epoch: 5 validation images as input, output and ground truth"
    lines += picture(run, "validation_last_epoch", caption)
    return [*lines, "Each epoch's are in the run's own `figures/`.", ""]


def _by_epoch(run):
    """Rows of each epoch, then of the trivial answer and of what a reader sees in the truth."""
    keys = {**{f"val_{m}_report_mode": d for m, d in _MEASURES.items()}, _READ: 3}
    rows = [
        [
            _epoch(run, row),
            *(_told(run.values_of_epoch(row["epoch"], k), d) for k, d in keys.items()),
        ]
        for row in run.epochs
    ]
    beside = {
        "the training targets' mean colour": {
            m: _cell(run, f"val_{m}_mean_colour", d) for m, d in _MEASURES.items()
        },
        "true photographs, read": {_READ: _cell(run, "val_map_iou_real", 3)},
    }
    for what, cells in beside.items():
        row = [cells.get(m, "") for m in (*_MEASURES, _READ)]
        rows += [[what, *row]] if any(row) else []
    return rows


def _cell(run, key, digits):
    """A figure, or of several seeds its mean and standard deviation."""
    return _told(run.values(key), digits)


def _told(values, digits):
    return spread(values) if len(set(values)) > 1 else number(next(iter(values), None), digits)


def _epoch(run, row):
    """In words; the run may have been stopped within its last one."""
    done = run.metrics["epochs"]
    short = row["epoch"] > done
    return f"{row['epoch']:g}" + (f" (stopped after {done:.3g} epochs)" if short else "")


_MEASURES = {"l1": 4, "psnr": 2, "ssim": 3, "ms_ssim": 3}
_READ = "val_map_iou_report_mode"


def _readability(runs):
    rows = []
    for run in runs:
        for suffix, what in (("", "output"), ("_real", "true photograph")):
            if run.figure(f"val_map_iou{suffix}") is not None:
                rows.append([run.name, what, _cell(run, f"val_map_iou{suffix}", 3)])
                for name in MAP_CLASSES:
                    iou, recall = (
                        _cell(run, f"val_map_{m}_{name}{suffix}", 3) for m in ("iou", "recall")
                    )
                    rows[-1].append(f"{iou} / {recall}" if iou else "")
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


def _short_runs(runs, picture):
    """Short runs that differ in one thing, for two claims of the report."""
    finished = [runs[name] for name in SHORT if runs[name].finished]
    if not finished:
        return []
    columns = {"val_l1": "L1", "val_ssim": "SSIM",
               "val_low_frequency_mse": "MSE of low frequencies",
               "val_high_frequency_power": "power of high frequencies",
               "noise_std": "standard deviation over draws"}  # fmt: skip
    rows = [[run.name, run.done, *map(run.cell, columns)] for run in finished]
    widths = sorted({run.options["filters"] for run in finished})
    lines = [
        "### Short runs, alike but in one thing",
        "",
        f"Small ones, of {' and '.join(map(str, widths))} filters, one seed each: so are the "
        "verdicts on the two claims.",
        "",
    ]
    lines += table(["run", "epochs", *columns.values()], rows)
    for run in finished:
        lines += picture(run, "validation_last_epoch", f"{run.name}: input, output, ground truth")
    return lines


def _published(runs):
    rows = [
        [name, *(f"{value:.2f}" for value in PUBLISHED_FID[name]), *_own_fid(runs[name])]
        for name in DIRECTIONS
    ]
    head = ["direction", "mmgeneration", "the authors' model", "ours, the report's mode",
            "ours, `translate`"]  # fmt: skip
    return [
        "### Beside published results",
        "",
        f"FID on the same maps, as given by mmgeneration ({PUBLISHED}): U-Net with batch "
        "normalisation, batch 1, 220,000 iterations (the report's run has 5,480 steps of 2), and "
        "the model of the paper's authors. Both run in the manner of training (dropout on, the "
        "test batch's statistics), as our report's mode does in batches of 2. FID of fewer images "
        "is higher: set ours beside these only over all 1,098 validation pairs.",
        "",
        *table(head, rows),
    ]


def _own_fid(run):
    """Cells: in the report's mode, and by ``translate``."""
    if run.figure("val_fid") is None:
        fill = (
            "not measured: `python -m experiments.evaluate --run-dir RUN --inception-weights "
            f"FILE` with a run of {command(run.name)}; the file is published at {PUBLISHED_AT}"
        )
        return [fill, "not measured"]
    return [_fid(run, "_report_mode"), _fid(run, "")]


def _fid(run, mode):
    fid, kid, error = (run.figure(f"val_{x}{mode}") for x in ("fid", "kid", "kid_standard_error"))
    if fid is None:
        return "not measured"
    told = "" if kid is None else f", KID {kid:.4f} ± {error:.4f}"
    return f"{fid:.2f}{told}; {run.metrics['val_examples']:,} images"


def _rows(functional):
    """(name, output shape, parameters) of each layer."""
    return [
        (layer.name, _shape(layer.output.shape[1:]), f"{layer.count_params():,}")
        for layer in functional.layers
    ]


def _joined(generator):
    """(name, output shape) of a U-Net's blocks: down, then up after concatenation."""
    rows = [(name, shape) for name, shape, _ in _rows(generator)]
    return [row for start in ("down", "concat") for row in rows if row[0].startswith(start)]


def _summary(key, rows, ours):
    """The report's rows beside ours, (name, output shape, parameters) each."""
    return [
        (row[key], [_shape(row["output_shape"]), f"{row['parameters']:,}"], list(cells))
        for row, (_, *cells) in zip(rows, ours, strict=True)
    ]


def _shape(shape):
    return ", ".join(str(side) for side in shape)
