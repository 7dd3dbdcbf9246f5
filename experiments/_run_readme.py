"""The README.md of a run folder: what it was, what it came to, how to load its model."""

from tf_gen.training.run_dir import RunDir

LOADING = """```python
import tensorflow as tf

model = tf.saved_model.load("saved_model")
images = tf.io.decode_image(tf.io.read_file("input.png"), channels=3)[None]
images = tf.image.resize(tf.cast(images, tf.float32) / 255, ({size}, {size}), method="area")
outputs = model.translate(images)  # float32 [1, {size}, {size}, 3] in [0, 1]
```

From this repository:
`python -m experiments.translate --model {path} --input FOLDER --output FOLDER`
"""


def write_readme(folder: RunDir) -> None:
    """Write README.md from config.json, metrics.json and the figures that are there."""
    config, metrics = folder.read("config.json"), folder.read("metrics.json")
    fields = {**config["identity"], **config["settings"]}
    figures = sorted((folder / "figures").glob("*.png"))
    lines = [
        f"# {config['experiment']}, {metrics['direction']}",
        "",
        f"Data: {metrics['data_source']}, {metrics['train_pairs']} training and "
        f"{metrics['val_pairs']} validation pairs; {metrics['steps']} steps "
        f"({metrics['epochs']:g} epochs). The figures are of the last step's weights; validation "
        "images are in [0, 1].",
        "",
        *table("figure", {k: v for k, v in metrics.items() if isinstance(v, float)}),
        "## The model",
        "",
        LOADING.format(size=fields["image_size"], path=folder.path),
        "## Pictures",
        "",
        *[f"![{path.stem}](figures/{path.name})\n" for path in figures],
        "TensorBoard: `tensorboard --host 127.0.0.1 --logdir logs`",
        "",
        "## Configuration",
        "",
        *table("field", {**fields, **config["versions"]}),
    ]
    (folder / "README.md").write_text("\n".join(lines))


def table(heading: str, values: dict) -> list[str]:
    """The lines of a Markdown table, floats to six digits."""
    cells = {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in values.items()}
    rows = [f"| {name} | {value} |" for name, value in cells.items()]
    return [f"| {heading} | value |", "|---|---|", *rows, ""]
