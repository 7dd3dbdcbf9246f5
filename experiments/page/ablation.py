"""One change of pix2pix' recipe at a time, at equal cost: the trainings, and their table."""

import functools
import json
import math
import statistics
import time
from pathlib import Path

import tensorflow as tf

from experiments.launch.cli import DONE
from experiments.launch.errors import UsageError
from experiments.launch.markdown import table
from experiments.launch.output import make_writable
from experiments.measures.operations import operations
from experiments.page.records import write_json, write_record
from experiments.page.runs import Run, folder_name, spread, start
from experiments.tasks.options import Pix2PixOptions
from experiments.tasks.pix2pix import Pix2PixTask
from tf_gen.models.pix2pix import PENALISED

BASE = "report"
TOGETHER = {
    "update": "simultaneous", "adversarial_loss": "hinge", "feature_matching_weight": 10.0,
    "discriminator_scales": 2,
}  # fmt: skip
SHARES = ("epochs", "decay_epochs", "filters", "discriminator_filters")  # of the report's
RECIPES = {  # name -> what differs from the report's; of SHARES, how much of it
    BASE: {},
    "simultaneous": {"update": "simultaneous"},
    "averages": {"average_momentum": 0.999},
    "falling_rate": {"epochs": 0.5, "decay_epochs": 0.5},
    "two_rates": {"learning_rate": 1e-4, "discriminator_learning_rate": 4e-4},
    "hinge": {"adversarial_loss": "hinge"},
    "low_lambda": {"reconstruction_weight": 10.0},
    "feature_matching": {"feature_matching_weight": 10.0},
    "perceptual": {"perceptual_weight": 10.0},
    "gradient_penalty": {"gradient_penalty_weight": 1.0},
    "two_scales": {"discriminator_scales": 2},
    "two_scales_averages": {"discriminator_scales": 2, "average_momentum": 0.999},
    "two_scales_simultaneous": {"discriminator_scales": 2, "update": "simultaneous"},
    "segmenting": {
        "discriminator": "segmenting", "discriminator_filters": 0.5, "update": "simultaneous",
    },
    "spectral": {"spectral": True},
    "instance": {"normalization": "instance"},
    "resize": {"upsampling": "resize"},
    "resnet": {"generator": "resnet", "filters": 0.5, "discriminator_filters": 1.0},
    "together": TOGETHER,
    "together_resize": {**TOGETHER, "upsampling": "resize"},
    "together_averages": {**TOGETHER, "average_momentum": 0.999},
    "together_resize_averages": {**TOGETHER, "upsampling": "resize", "average_momentum": 0.999},
}  # fmt: skip
MODERN = "averages"  # that of pix2pix_maps_modern
STEP = "step.json"  # in a run's folder
MOST = 1.05  # times the operations of the report's run
ROUNDS = 25  # of one step of each recipe
MEASURES = {"val_l1": "L1", "val_ssim": "SSIM", "val_ms_ssim": "MS-SSIM"}
READ = {"val_map_iou": "mean IoU", "val_map_iou_street": "street", "val_map_iou_water": "water"}


def ablate(config) -> int:
    """All of ``experiments.pix2pix_ablation``; returns the exit code."""
    make_writable(config.runs, "runs")
    names = dict.fromkeys([BASE, *(config.recipes or RECIPES)]) if config.train else ()
    for name in names:
        _check_recipe(config, name)
    if names:
        _check_base(config)
    _check_all(config)  # before hours of training
    for seed in range(config.seeds):
        for name in names:
            if code := _complete(config, name, seed):
                return code
            _check_all(config)
    runs = _check_all(config)
    if not runs or runs[0].name != BASE:  # which the others are measured by
        raise UsageError(f"--runs {config.runs}: no finished run of the report's recipe there")
    for run in runs:
        for each in (run, *run.others):
            _check_cost(each, runs[0])
    if config.time:
        _time(runs)
    for run in runs if config.records else ():
        for each in (run, *run.others):
            folder = config.records / each.folder.name
            write_record(each, folder, pictures=False)
            write_json(folder / STEP, {**each.step, "operations": each.step_operations})
    page = config.runs / "README.md"
    page.write_text("\n".join(page_lines(runs)), "utf-8")
    print("\n".join(_table(runs)) + f"\n{page}")
    return DONE


class AblationRun(Run):
    """A run of one recipe, or its record."""

    def _check(self):
        if not {"identity", "settings"} <= set(self.config):
            raise UsageError(f"{self.folder / 'config.json'}: no run's")

    @property
    def step(self) -> dict:
        """What is known of a training step: ``operations``, of a record; ``seconds``, if timed."""
        path = self.folder / STEP
        return json.loads(path.read_text("utf-8")) if path.exists() else {}

    @functools.cached_property
    def step_operations(self) -> int:
        """Of one training step, counted."""
        return self.step.get("operations") or step_operations(**self.options)

    @property
    def operations(self) -> float:
        """Of the whole training."""
        return self.step_operations * self.metrics["steps"]


def step_operations(**options) -> int:
    """Of a training step of ``pix2pix_maps`` with these options, in the mean over steps."""
    step, pair = _step(options)
    return round(operations(step.get_concrete_function(pair).graph, 1 / PENALISED))


def _step(options):
    """A new model's training step, and what it takes; options of other commands are passed by."""
    known = Pix2PixOptions.__dataclass_fields__.keys() - {"reader", "init_from"}
    config = Pix2PixOptions(**{k: v for k, v in options.items() if k in known})
    task = Pix2PixTask.__new__(Pix2PixTask)  # without data
    task.config = config
    model = task.build(epoch_steps=1).model
    pair = [
        tf.TensorSpec((config.batch_size, *config.sides, channels))
        for channels in (config.input_channels, config.output_channels)
    ]
    return tf.function(model.train_step), pair


def _time(runs):
    """Write what a training step of each takes: the medians of rounds of one step of each, so that
    whatever else the machine does falls on all of them."""
    steps = {}
    for run in runs:
        step, pair = _step(run.options)
        noise = [tf.random.stateless_uniform(spec.shape, (0, i), -1) for i, spec in enumerate(pair)]
        steps[run] = functools.partial(step, noise)
    seconds = {run: [] for run in runs}
    for _ in range(ROUNDS + 2):  # the first two are longer
        for run, step in steps.items():
            before = time.perf_counter()
            float(step()["generator_loss"])
            seconds[run].append(time.perf_counter() - before)
    for run, found in seconds.items():
        write_json(run.folder / STEP, {**run.step, "seconds": statistics.median(found[2:])})


def _read(folder: Path) -> list[AblationRun]:
    """The finished runs of recipes, the base first."""
    found = []
    for name in RECIPES:
        others = [AblationRun(name, path) for path in sorted(folder.glob(f"{name}_seed*"))]
        run = AblationRun(name, folder / name, others)
        found += [run] if run.finished else []
    return found


def _check_recipe(config, name) -> None:
    """Raise UsageError for a recipe that cannot be trained, before any is."""
    if name not in RECIPES:
        raise UsageError(f"--recipes {name}: not one of {', '.join(RECIPES)}")
    try:
        Pix2PixOptions(data=config.data, **_options(config, name)).check()
    except UsageError as error:
        raise UsageError(f"--recipes {name}: {error}") from error


def _check_base(config) -> None:
    """Raise UsageError if the report's recipe was trained otherwise than the others would be."""
    base = AblationRun(BASE, config.runs / BASE)
    if not base.finished:
        return
    # a record has a folder's name alone, and a folder may move
    wanted = {**_options(config, BASE), "data": Path(config.data).name}
    found = {**base.options, "data": Path(base.options["data"]).name}
    for option, value in wanted.items():
        if found[option] != value:
            raise UsageError(
                f"--{option.replace('_', '-')} {value}: {base.folder} was trained with "
                f"{found[option]}; give that, or another --runs"
            )


def _check_all(config) -> list[AblationRun]:
    """The finished runs, if each fits the report's. Raises: UsageError if one does not."""
    runs = _read(config.runs)
    for run in runs if runs and runs[0].name == BASE else ():
        for each in (run, *run.others):
            _check_alike(each, runs[0])
    return runs


def _check_alike(run, base) -> None:
    """Raise UsageError where a run differs from the report's in more than its recipe."""
    own = {*RECIPES[run.name], "seed", "discriminator_filters"}
    theirs = base.config["identity"]
    unlike = [
        k for k, v in run.config["identity"].items() if k not in own and v != theirs.get(k, v)
    ]
    if unlike:
        name = unlike[0]
        raise UsageError(
            f"{run.folder}: {name} is {run.config['identity'][name]}, and {theirs.get(name)} in "
            f"{base.folder}; move one of them away"
        )


def _check_cost(run, base) -> None:
    """Raise UsageError where a run took more than the report's."""
    if run.operations > 1.001 * MOST * base.operations:
        raise UsageError(
            f"{run.folder}: took {run.operations / base.operations:.2f} times the operations of "
            f"{base.folder}, and {MOST} is allowed; move it away"
        )


def _complete(config, name, seed) -> int:
    """Train one, as long as its cost allows, and measure it; returns the exit code."""
    folder = config.runs / folder_name(name, seed)
    if not (folder / "metrics.json").exists():
        options = _options(config, name)
        line = _command_line(options)
        base = AblationRun(BASE, config.runs / BASE)
        if base.finished:
            steps = int(MOST * base.operations / step_operations(**options))
            line += ["--max-steps", steps] if steps < base.metrics["steps"] else []
        print(f"=== {folder.name}: training", flush=True)
        line += ["--reader", config.reader] if config.reader else []
        line += ["--data", config.data, "--seed", seed, "--run-dir", folder]
        if code := start("pix2pix_maps", line):
            return code
    if config.reader and not AblationRun(name, folder).values("val_map_iou"):  # trained without
        return start("evaluate", ["--run-dir", folder, "--reader", config.reader])
    return DONE


def _options(config, name) -> dict:
    """Of ``pix2pix_maps``, for one recipe."""
    full = {"filters": config.filters, "discriminator_filters": config.filters}
    full |= dict.fromkeys(("epochs", "decay_epochs"), config.epochs)
    recipe = dict(RECIPES[name])
    for option in set(SHARES) & set(recipe):
        # so that both parts of odd epochs are all of them
        to_whole = math.ceil if option == "decay_epochs" else math.floor
        recipe[option] = max(1, to_whole(recipe[option] * full[option]))
    alike = ("filters", "epochs", "precision", "image_size")
    return {option: getattr(config, option) for option in alike} | recipe


def _command_line(options) -> list:
    line = []
    for name, value in options.items():
        line += [f"--{name.replace('_', '-')}"] + ([] if value is True else [value])
    return line


def page_lines(runs) -> list[str]:
    """The page."""
    base = runs[0]
    settings = base.options
    timed = (
        "Seconds are medians of steps timed in turns, with nothing beside them. "
        if any("seconds" in run.step for run in runs)
        else ""
    )
    return [
        "# Recipes of pix2pix at equal cost",
        "",
        "Written by `python -m experiments.pix2pix_ablation`. One change of the report's recipe at "
        f"a time, then several together: {base.name} is `pix2pix_maps --filters "
        f"{settings['filters']} --epochs {settings['epochs']} --precision "
        f"{settings['precision']}` on "
        f"{base.metrics['train_examples']:,} pairs, {settings['direction'].replace('_', ' ')}. "
        f"None may take more than {MOST} times its floating-point operations (those of "
        "convolutions and matrix products, both networks, forwards and backwards); one that takes "
        f"more a step is given fewer steps. {timed}Figures are of the validation pairs, by "
        "`translate`; KID is by the edge detector, x 1,000, with its standard error, or, of "
        "several seeds, the standard deviation over them, as everywhere. IoU: how what an "
        "`aerial_to_map` run reads in the outputs agrees with the input maps.",
        "",
        *_table(runs),
    ]


def _table(runs) -> list[str]:
    base = runs[0]
    read = {k: v for k, v in READ.items() if any(run.figure(k) is not None for run in runs)}
    head = ["recipe", "options", "seeds", "operations", "seconds a step", *MEASURES.values(), "KID"]
    rows = [
        [
            run.name, f"`{_said(run)}`" if _said(run) else "", 1 + len(run.others),
            f"{run.operations / base.operations:.2f}", run.step.get("seconds", ""),
            *map(run.cell, MEASURES), _kid(run), *map(run.cell, read),
        ]
        for run in runs
    ]  # fmt: skip
    return table([*head, *read.values()], rows, digits=3)


def _said(run) -> str:
    """What differs from the report's, as it is written on a command line."""
    found = {name: run.options.get(name) for name in RECIPES[run.name]}
    return " ".join(map(str, _command_line(found)))


def _kid(run) -> str:
    if run.options.get("perceptual_weight"):
        return "not judged by what it was trained with"
    values = [1000 * value for value in run.values("val_kid_hed")]
    if len(values) > 1:
        return spread(values)
    error = run.figure("val_kid_standard_error_hed")
    return "" if error is None else f"{values[0]:.0f} ± {1000 * error:.0f}"
