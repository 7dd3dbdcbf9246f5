"""A finished run made small: what lies in a folder of ``tf_gen/pretrained``."""

import hashlib
import importlib
import io
import re
import tomllib
import zipfile
from pathlib import Path

import h5py
import numpy as np

from experiments.launch.errors import UsageError
from experiments.launch.markdown import table
from experiments.launch.options import defaults_of
from experiments.launch.output import make_writable
from tf_gen.pretrained import DIGESTS, ROOT
from tf_gen.training.run_dir import RunDir

WEIGHTS = "model.weights.h5"  # in a .keras file
MOST_BYTES = 5_000_000  # of a model: the wheel is to stay small
ABOUT = tomllib.loads(Path(__file__).with_name("cards.toml").read_text("utf-8"))


def make_ready(config) -> None:
    """Write the folder of a ready model."""
    if config.name not in ABOUT:
        raise UsageError(f"--name {config.name}: not one of {', '.join(ABOUT)}")
    about, run = ABOUT[config.name], RunDir(config.run_dir, writing=False)
    record, metrics = run.read("config.json"), run.read("metrics.json")
    if record is None or metrics is None or record["experiment"] != about["experiment"]:
        raise UsageError(f"--run-dir {config.run_dir}: no finished run of {about['experiment']}")
    commands = trained_by(config.name, record)
    model = halved(config.run_dir / "model.keras")
    if len(model) > MOST_BYTES:
        raise UsageError(
            f"--run-dir {config.run_dir}: its model takes {len(model):,} bytes in float16, more "
            f"than {MOST_BYTES:,}; train a smaller one"
        )
    folder = config.output or ROOT / config.name
    make_writable(folder)
    (folder / "model.keras").write_bytes(model)
    digest = hashlib.sha256(model).hexdigest()
    (folder / DIGESTS).write_text(f"{digest}  model.keras\n", "utf-8")
    ready = RunDir(folder, writing=False)
    ready.write("config.json", record)
    ready.write("metrics.json", metrics)
    text = card(config.name, record, metrics, commands, len(model))
    (folder / "README.md").write_text(text, "utf-8")
    print(f"{folder}: {len(model):,} bytes of weights")


def halved(path: Path) -> bytes:
    """A .keras file with its weights in float16, of which Keras makes float32 again as it reads
    them; and of a model that computes in float32, whatever it was trained in."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    config = parts["config.json"].decode()
    parts["config.json"] = re.sub('"mixed_b?float16"', '"float32"', config).encode()
    weights, packed = io.BytesIO(), io.BytesIO()
    with h5py.File(io.BytesIO(parts[WEIGHTS])) as old, h5py.File(weights, "w") as new:
        _copy_halved(old, new)
    parts[WEIGHTS] = weights.getvalue()
    with zipfile.ZipFile(packed, "w") as file:
        for name, data in parts.items():  # without the time: of one run always the same bytes
            file.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _copy_halved(old, new):
    new.attrs.update(old.attrs)
    for name, item in old.items():
        if isinstance(item, h5py.Group):
            _copy_halved(item, new.create_group(name))
            continue
        values = item[()]
        half = values.astype(np.float16) if values.dtype == np.float32 else values
        if not np.isfinite(half).all():
            raise UsageError(f"{item.name}: holds values that float16 cannot")
        new.create_dataset(name, data=half).attrs.update(item.attrs)


def card(name: str, record: dict, metrics: dict, commands: list[str], size: int) -> str:
    """The model's README.md."""
    about, versions = ABOUT[name], record["versions"]
    commits = " and ".join([*record["earlier_commits"], record["commit"] or "unknown"])
    figures = [(figure, metrics[figure]) for figure in about["figures"] if figure in metrics]
    run_dir = record["settings"]["run_dir"]
    minutes, rows = metrics["train_seconds"] / 60, table(["figure", "value"], figures)
    return f"""# {name}

{about["what"]}

```python
import tf_gen

model = tf_gen.load("{name}")
{about["use"]}```

## Data and licence

{about["data"]}
## Training

```
{chr(10).join(commands)}
python -m experiments.make_ready --run-dir {run_dir} --name {name}
```

{metrics["epochs"]:g} epochs, {metrics["steps"]} steps, {minutes:.0f} minutes beside other work, on
{record["machine"]}; at commit {commits}, with TensorFlow {versions["tensorflow"]} and
Keras {versions["keras"]}. The file has {size:,} bytes: weights in float16, which become float32 as
they are read.

## Figures

On images that were not trained on, in [0, 1], before the weights became float16:

{chr(10).join(rows)}
## Limits

{about["limits"]}"""


def trained_by(name: str, record: dict) -> list[str]:
    """The command lines that trained a run; its record is told to lie in ``runs/``, as they do."""
    settings, before = record["settings"], []
    settings["run_dir"] = f"runs/{name}"
    if vq_run := settings.get("vq_run"):
        of_vq_vae = RunDir(vq_run, writing=False).read("config.json")
        if of_vq_vae is None:
            raise UsageError(f"--run-dir {name}: its VQ-VAE's run is not at {vq_run}")
        settings["vq_run"] = of_vq_vae["settings"]["run_dir"] = f"runs/{Path(vq_run).name}"
        before = [command(of_vq_vae)]
    return [*before, command(record)]


def command(record: dict) -> str:
    """The command line that trained a run: what differs from its command's defaults."""
    options = importlib.import_module(f"experiments.{record['experiment']}").Config
    fields = {**record["identity"], **record["settings"]}
    words = [f"python -m experiments.{record['experiment']}"]
    for field, default in sorted(defaults_of(options).items(), key=lambda one: one[0] == "run_dir"):
        value = fields.get(field, default)
        value = tuple(value) if isinstance(value, list) else value
        if value == default:
            continue
        option = f"--{field.replace('_', '-')}"
        text = " ".join(map(str, value)) if isinstance(value, tuple) else value
        words.append(option if value is True else f"{option} {text}")
    return " ".join(words)
