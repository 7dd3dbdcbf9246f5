"""The README.md of a run folder: what it was, what it came to, how to load its model."""

from experiments.launch.markdown import inline, table
from tf_gen.training.run_dir import RunDir


def write_readme(folder: RunDir, about, about_files: list[str]) -> None:
    """Write README.md from config.json, metrics.json and the figures that are there.

    Args:
        about: ``experiments.tasks.task.About``.
        about_files: lines of Markdown on the files that were read.
    """
    config, metrics = folder.read("config.json"), folder.read("metrics.json")
    figures = sorted((folder / "figures").glob("*.png"))
    lines = [
        f"# {about.title}",
        "",
        f"Data: {metrics['data_source']}, {metrics['train_examples']} training and "
        f"{metrics['val_examples']} validation examples; {metrics['steps']} steps "
        f"({metrics['epochs']:g} epochs). The figures are of {about.kept} weights; validation "
        "images are in [0, 1].",
        "",
        *([f"{inline(metrics['data_note'])}.", ""] if "data_note" in metrics else []),
        *about_files,
        *table(["figure", "value"], [f for f in metrics.items() if isinstance(f[1], float)], 6),
        "## The model",
        "",
        about.loading.replace("{path}", str(folder.path)),
        "## Pictures",
        "",
        *[f"![{path.stem}](figures/{path.name})\n" for path in figures],
        "TensorBoard: `tensorboard --host 127.0.0.1 --logdir logs`",
        "",
        "## Configuration",
        "",
        *config_table(config),
    ]
    text = "\n".join(lines)
    (folder / "README.md").write_text(text, encoding="utf-8", errors="backslashreplace")


def config_table(record: dict) -> list[str]:
    """config.json as a Markdown table, for the README and TensorBoard's text tab."""
    made_with = {name: record.get(name) for name in ("commit", "machine")}
    fields = {**record["identity"], **record["settings"], **record["versions"], **made_with}
    return table(["field", "value"], fields.items(), 6)
