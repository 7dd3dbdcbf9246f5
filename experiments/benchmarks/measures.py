"""All that ``benchmark`` was asked for, one after the other."""

import dataclasses
import importlib.util
import json
import os
import platform
from importlib import metadata
from pathlib import Path

import keras
import tensorflow as tf

from experiments.benchmarks import report, rounds, tables, variants
from experiments.benchmarks.pipeline import measure_pipeline
from experiments.launch.precision import has_bfloat16
from tf_gen.training.provenance import commit, processor


def measure_all(config, output: Path) -> None:
    """Print tables, and write them, the record (both after each part) and the charts."""
    cards = tf.config.get_visible_devices("GPU")
    config = config.on(gpu=bool(cards))
    options = {name: str(value) for name, value in dataclasses.asdict(config).items()}
    del options["output"]  # a place, which says nothing of the figures
    found = {"machine": machine(cards), "commit": commit(), "options": options}
    print(", ".join(f"{name} {value}" for name, value in found["machine"].items()))

    def keep(lines):
        for one in [*found.get("training", []), *filter(None, [found.get("growth")])]:
            # by the best rates so far, in the groups before as well
            report.set_bounds(one, found["rates"])
        print("\n" + "\n".join(lines), flush=True)
        (output / "benchmark.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
        (output / "benchmark.md").write_text(tables.page(found), encoding="utf-8")

    if {"training", "inference", "growth"} & set(config.what):
        precisions = _precisions()
        rates = found["rates"] = dict.fromkeys([*precisions, "memory"], 0.0)
    for what in config.what:
        if what == "pipeline":
            found[what] = measure_pipeline(config, output)
            keep(tables.pipeline(found[what]))
        elif what == "growth":
            sizes = config.growth_batches, config.growth_sizes
            group = variants.growth_group(*sizes, bool(cards), config.filters)
            found[what] = _measure(config, group, rates, bool(cards), profiled=False)
            keep(tables.growth(found[what]))
            report.draw_growth(output / "growth.png", found[what])
        else:
            found[what] = []
            for group in _groups(config, what, precisions, bool(cards)):
                profiled = what == "training"
                found[what].append(_measure(config, group, rates, bool(cards), profiled))
                keep(tables.group(found[what][-1]) + tables.profiles(found[what][-1]))
            report.draw(output, what, found[what])
            print("\n".join(tables.summary(found[what])))


def machine(cards) -> dict:
    """What the figures were made on."""
    details = [tf.config.experimental.get_device_details(card) for card in cards]
    names = " + ".join(each.get("device_name", "a GPU") for each in details)
    return {
        "processor": processor(), "processors": os.cpu_count(),
        **({"GPU": names} if cards else {}),
        "python": platform.python_version(), "tensorflow": tf.__version__,
        "keras": keras.__version__,
        **({"torch": metadata.version("torch")} if _has_torch() else {}),
    }  # fmt: skip


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _precisions() -> list[str]:
    if has_bfloat16():
        return ["float32", "bfloat16"]
    print("bfloat16: not in this processor's hardware, so it is not measured")
    return ["float32"]


def _groups(config, what, precisions, gpu):
    torch = _has_torch()
    if not torch:
        print(f"{what}: PyTorch is not installed, so it is left out")
    if what == "inference":
        batches = config.inference_batches
        return variants.inference_groups(config.models, batches, torch, config.filters)
    batches = {"pix2pix": config.pix2pix_batches, "autoencoders": config.autoencoder_batches}
    return variants.training_groups(config.models, batches, precisions, torch, config.filters, gpu)


def _measure(config, group, rates, gpu, profiled) -> dict:
    if not gpu or not all(rates.values()):  # a card does nothing else, and a process takes 25 s
        precisions = [name for name in rates if name != "memory"]
        for name, rate in rounds.rates(precisions).items():
            rates[name] = max(rates[name], rate)  # other work on the machine only slows it
    print("\n".join(tables.rates(rates)), flush=True)
    found = rounds.measure(group, config.rounds, config.seconds, config.build_at_once, profiled)
    return report.record(group.title, found, rates)
