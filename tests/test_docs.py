"""What README and docs/ say is there, and what they tell to run runs."""

import base64
import http.server
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import keras
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf
import tyro

from experiments.page.runs import RUNS, SHORT, SUCCESSORS, Run
from tf_gen import VAE, VQVAE, PatchDiscriminator, Pix2Pix, UNetGenerator
from tf_gen.export import export_pix2pix, export_vae, export_vq_vae
from tf_gen.training.run_dir import save_model

matplotlib.use("Agg")
ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ids = [page.name for page in PAGES]
SIZE = 32


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def tracked():
    if not (ROOT / ".git").exists():
        pytest.skip("no git work tree")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {ROOT / name for name in done.stdout.splitlines()}


def words(*pages):
    return sum(len(page.read_text().split()) for page in pages)  # as `wc -w` counts


def test_readme_is_a_page_of_at_most_900_words_and_stays_one():
    assert 500 < words(ROOT / "README.md") <= 900


def test_one_line_of_readme_installs_and_runs_the_tests():
    """The line that checks of a fresh clone take, word for word."""
    lines = (ROOT / "README.md").read_text().splitlines()
    (line,) = [one for one in lines if one.startswith("python3 -m venv") and "pytest" in one]
    assert line.endswith("pip install -q -c constraints.txt -e '.[test]' && pytest")


def test_all_pages_together_have_at_most_9000_words_and_stay_so():
    """But the generated one, and the decisions, which grow."""
    grow = {"README.md", "reproduction.md", "decisions.md"}
    assert 3000 < words(*(page for page in PAGES if page.name not in grow)) <= 9000


def headings(page):
    """As GitHub makes anchors of them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_what_a_page_links_to_is_in_the_tree(page, tracked):
    text = page.read_text()
    links = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    folders = {parent for path in tracked for parent in path.parents}
    missing = []
    for link in (link for link in links if "://" not in link):
        name, _, anchor = link.partition("#")
        path = (page.parent / name).resolve() if name else page
        if path not in tracked | folders or anchor and anchor not in headings(path):
            missing.append(link)
    assert not missing


RESULTS = {"MSE": ("val_mse", "val_mse_mean_image"), "L1": ("val_l1", "val_l1_mean_colour"),
           "SSIM": ("val_ssim", "val_ssim_mean_colour")}  # fmt: skip


def test_readmes_results_are_those_of_the_records():
    text = (ROOT / "README.md").read_text()
    rows = re.findall(r"\]\(docs/runs/(\w+)\) \| ([\d,]+) .*? \| (\d+) \| (.*) \|", text)
    beyond = {"vq_vae_faces_ema", "vq_prior", *SHORT, *SUCCESSORS}  # the report: on its page alone
    recorded = {name for name in RUNS if (ROOT / "docs" / "runs" / name).is_dir()}
    assert {name for name, *_ in rows} == recorded - beyond
    for name, examples, epochs, measured in rows:
        run = Run(name, ROOT / "docs" / "runs" / name)
        assert f"{run.metrics['train_examples']:,}" == examples and run.done == epochs
        figures = re.findall(r"(\w+) (0\.\d+) \((0\.\d+)\)", measured)
        assert len(figures) == (2 if "aerial" in name else 1)
        for measure, *told in figures:
            for key, value in zip(RESULTS[measure], told, strict=True):
                assert f"{run.figure(key):.{len(value) - 2}f}" == value, (name, key)


def tables(page):
    """(cells of the head, rows of cells) of each table."""
    for block in re.findall(r"(?:^\|.*\n)+", page.read_text(), re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]]
                          for line in block.splitlines()]  # fmt: skip
        yield head, rows


def test_each_figure_of_speed_is_that_of_the_record_that_its_row_links_to():
    page, seen = ROOT / "docs" / "performance.md", 0
    for head, rows in tables(page):
        if head[-1] != "record":
            continue
        for title, *cells, link in rows:
            record = page.parent / re.search(r"\((.*)\)", link)[1]
            found = next(
                dict(zip(there, row, strict=True))
                for there, lines in tables(record) for row in lines if row[0] == title
            )  # fmt: skip
            assert [found.get(name, "") for name in head[1:-1]] == cells, title
            seen += 1
    assert seen >= 10


def commands(page):
    """(NAME, options) of each `python -m experiments.NAME ...` of a page."""
    text = page.read_text()
    found = re.findall(r"python -m experiments\.(\w+)([^`\n|&#]*)", text)
    return {(name, options.strip()) for name, options in found if "--help" not in options}


COMMANDS = sorted({command for page in PAGES for command in commands(page)})


@pytest.mark.parametrize("name, options", COMMANDS, ids=lambda value: str(value)[:60])
def test_a_command_that_a_page_shows_is_understood(name, options):
    config = importlib.import_module(f"experiments.{name}").Config
    given = shlex.split(options)
    assert tyro.cli(config, args=[word for word in given if word != "..."])


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Small models where docs/use-a-model.md and README look for them."""
    folder = tmp_path_factory.mktemp("models")
    generator = UNetGenerator(filters=4, depth=3)
    generator.build((None, SIZE, SIZE, 3))
    export_pix2pix(generator, folder / "runs" / "maps" / "saved_model", SIZE)
    vae = VAE(image_size=16, latent_dim=3, filters=(4, 4, 8))
    export_vae(vae, folder / "runs" / "vae" / "saved_model")
    for run in ("vae", "faces"):
        (folder / "runs" / run).mkdir(exist_ok=True)
        save_model(vae, folder / "runs" / run / "model.keras")
    (folder / "runs" / "vae" / "checkpoints").mkdir()
    vae.save_weights(folder / "runs" / "vae" / "checkpoints" / "best.weights.h5")
    vq_vae = VQVAE(codes=8, filters=(4, 4, 8))
    vq_vae(np.zeros((1, 16, 16, 3), np.float32))
    export_vq_vae(vq_vae, folder / "runs" / "vq_vae" / "saved_model")
    np.save(folder / "image.npy", np.zeros((1, SIZE, SIZE, 3), np.float32))
    return folder


@pytest.fixture(scope="module")
def serving(models):
    """A stand-in for TensorFlow Serving's REST server; gives its port."""
    model = tf.saved_model.load(str(models / "runs" / "maps" / "saved_model"))

    class Predict(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/models/maps:predict"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = json.dumps({"predictions": predictions(model, json.loads(body))})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Predict) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def predictions(model, request):
    """As TensorFlow Serving does: b64 becomes bytes, instances become a batch, and back."""
    assert set(request) == {"signature_name", "instances"}
    data = [base64.b64decode(one["image_bytes"]["b64"]) for one in request["instances"]]
    signature = model.signatures[request["signature_name"]]
    (outputs,) = signature(image_bytes=tf.constant(data)).values()
    return [{"b64": base64.b64encode(one).decode()} for one in outputs.numpy()]


@pytest.fixture(scope="module")
def used(models, serving):
    """The names that the lines of docs/use-a-model.md leave, all run in their order."""
    rng = np.random.default_rng(0)
    pairs = tf.data.Dataset.from_tensors(rng.uniform(-1, 1, (2, 2, SIZE, SIZE, 3)).astype("f"))
    before, names = Path.cwd(), {"batches": pairs.map(lambda pair: (pair[0], pair[1]))}
    small = {
        ":8501/": f":{serving}/",
        "tf_gen.Pix2Pix()": "SMALL",
        "fit(batches)": "fit(batches, shuffle=False, verbose=0)",
    }
    names["SMALL"] = Pix2Pix(UNetGenerator(filters=2, depth=3), PatchDiscriminator(filters=2))
    os.chdir(models)
    try:
        for block in blocks(ROOT / "docs" / "use-a-model.md", "python"):
            for there, here in small.items():
                block = block.replace(there, here)
            exec(block, names)
    finally:
        os.chdir(before)
    return names


def test_the_ways_to_keep_weights_keep_as_many_as_the_page_says(tmp_path):
    page = (ROOT / "docs" / "use-a-model.md").read_text()
    told = re.search(r"Checkpoint\(generator=\.\.\.\)` keeps (\d+) of the (\d+) variables", page)
    model = UNetGenerator(filters=1)
    model.build((None, 256, 256, 3))
    found = []
    for kept in ({"generator": model}, {"variables": [v.value for v in model.variables]}):
        path = tf.train.Checkpoint(**kept).write(str(tmp_path / str(len(found))))
        names = tf.train.load_checkpoint(path).get_variable_to_shape_map()
        found.append(sum(name.endswith("VARIABLE_VALUE") for name in names))
    assert [found[0], found[1]] == [int(told[1]), int(told[2])] and found[1] == len(model.variables)


def test_a_loaded_model_translates_in_eager_code_graphs_and_pipelines(used):
    outputs, images = used["outputs"].numpy(), used["images"].numpy()
    assert outputs.shape == images.shape and 0 <= outputs.min() <= outputs.max() <= 1
    np.testing.assert_allclose(used["pairs"], np.concatenate([images, outputs], 2), atol=1e-5)
    assert used["noisy"].shape == images.shape and used["batch"].shape == (2, SIZE, SIZE, 3)


def test_gradients_flow_through_a_loaded_model(used):
    """Against a difference along the gradient's own direction."""
    images, direction = used["images"], tf.math.sign(used["saliency"])
    assert float(tf.reduce_max(tf.abs(used["saliency"]))) > 0
    ends = [
        float(tf.reduce_mean(used["model"].translate(images + sign * 1e-3 * direction)))
        for sign in (1.0, -1.0)
    ]
    slope = float(tf.reduce_sum(used["saliency"] * direction))
    assert (ends[0] - ends[1]) / 2e-3 == pytest.approx(slope, rel=0.05)


def test_a_loaded_model_is_a_layer_of_a_keras_model(used):
    found = used["keras_model"].predict(used["images"], verbose=0)
    np.testing.assert_allclose(found, used["outputs"].numpy().mean(-1), atol=1e-5)


def test_the_autoencoders_lines_give_what_they_say(used):
    assert used["faces"].shape == (8, 16, 16, 3) and used["halfway"].shape == (1, 16, 16, 3)
    assert used["codes"].dtype == tf.int32 and used["again"].shape == (8, 16, 16, 3)
    np.testing.assert_allclose(
        used["between"][0, 0], used["vae"].reconstruct(used["faces"])[0], atol=1e-5
    )


def test_a_ready_models_lines_give_what_they_say(used):
    assert used["new_faces"].shape == used["changed"].shape == (8, 64, 64, 3)


def test_the_converted_model_gives_the_same_images(used):
    assert used["on_device"].shape == used["outputs"].shape
    assert used["difference"].max() < 1e-4


def test_a_served_model_answers_a_request_with_the_translated_image(used):
    seen = tf.io.decode_png(used["png"])[None]
    expected = used["model"].translate(tf.cast(seen, tf.float32) / 255.0)
    (png,) = used["translated"]
    np.testing.assert_allclose(tf.io.decode_png(png) / 255, expected[0], atol=0.5 / 255 + 1e-4)


def test_a_request_may_hold_several_images(used):
    request = json.loads(used["serving_request"](used["png"], used["png"]))
    one, other = predictions(used["model"], request)
    assert one == other and base64.b64decode(one["b64"]) == used["translated"][0]


@pytest.mark.slow
def test_the_lines_of_saved_model_cli_run(models):
    text = (ROOT / "docs" / "use-a-model.md").read_text()
    for line in re.findall(r"^saved_model_cli .*$", text, re.MULTILINE):
        tool = Path(sys.executable).parent / "saved_model_cli"
        done = subprocess.run(
            [tool, *shlex.split(line)[1:]], cwd=models, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "show" not in line or "inputs['images']" in done.stdout
    model = tf.saved_model.load(str(models / "runs" / "maps" / "saved_model"))
    expected = model.translate(np.load(models / "image.npy"))
    np.testing.assert_allclose(np.load(models / "out" / "outputs.npy"), expected, atol=1e-5)


def test_a_pix2pix_of_ones_own_code_is_trained_and_measures_its_statistics(used):
    assert int(used["pix2pix"].optimizer.iterations) == 1
    moving = used["pix2pix"].generator.down_blocks[1].norm.moving_mean
    assert float(tf.reduce_max(tf.abs(moving))) > 0 and keras.config.floatx() == "float32"


def test_the_python_lines_of_readme_run(models, monkeypatch):
    monkeypatch.chdir(models)
    (block,) = blocks(ROOT / "README.md", "python")
    names = {"images": np.random.default_rng(0).uniform(0, 1, (8, 64, 64, 3)).astype(np.float32)}
    exec(block.replace("epochs=10", "epochs=1, verbose=0"), names)
    assert names["faces"].shape == (16, 64, 64, 3) and names["cartoons"].shape == (8, 64, 64, 3)
    assert Path("faces.keras").exists() and names["trained"].sample(2).shape == (2, 16, 16, 3)


def test_the_published_sets_have_the_names_and_sizes_that_the_page_on_data_tells(monkeypatch):
    import tensorflow_datasets as tfds

    asked = []
    monkeypatch.setattr(tfds, "load", lambda name, split: asked.append((name, split)))
    (block,) = blocks(ROOT / "docs" / "data.md", "python")
    exec(block, {})
    assert asked == [("pix2pix_maps", "train")]
    text = (ROOT / "docs" / "data.md").read_text()
    for name in ("pix2pix_maps", "cartoonset10k", "anime_faces"):
        assert name in tfds.list_builders() and f"| `{name}` |" in text


def test_every_page_with_lines_of_python_is_among_those_that_are_run():
    with_code = {page.name for page in PAGES if blocks(page, "python")}
    assert with_code == {"README.md", "data.md", "use-a-model.md"}


@pytest.mark.slow
def test_the_training_line_of_readme_runs(tmp_path):
    """What follows the installation, for two steps; the run is where README looks for it."""
    text = (ROOT / "README.md").read_text()
    line = r"^python3 -m venv .* && (python -m experiments.vae_anime --run-dir runs/faces)$"
    given = shlex.split(re.search(line, text, re.MULTILINE)[1])
    assert "`runs/faces/README.md`" in text
    done = subprocess.run(
        [sys.executable, *given[1:-1], tmp_path / "faces", "--max-steps", "2"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "faces" / "metrics.json").read_text())["steps"] == 2
    assert "![generated]" in (tmp_path / "faces" / "README.md").read_text()


LESS = {"draw_pairs(count=64": "draw_pairs(count=16", "range(0, 64, 16)": "[0]",
        "draw_faces(count=256": "draw_faces(count=64", "epochs=12": "epochs=1",
        "last_step=160": "last_step=2"}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("less", [LESS, pytest.param({}, id="whole")])
def test_the_notebooks_cells_run_and_its_outputs_are_saved(less, monkeypatch, capsys):
    """Shapes and truths that it prints are printed again; pictures are drawn, not compared."""
    notebook = json.loads((ROOT / "docs" / "tour.ipynb").read_text())
    monkeypatch.setattr(plt, "show", lambda: plt.close())
    text = "".join("".join(cell["source"]) for cell in notebook["cells"])
    assert all(text.count(there) == 1 for there in less)
    names, printed = {}, []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            for there, here in less.items():
                source = source.replace(there, here)
            exec(source, names)
            saved = "".join(
                "".join(output["text"]) for output in cell["outputs"] if "text" in output
            )
            printed.append((saved, capsys.readouterr().out))
    assert len(printed) == 12 and not any("Error" in saved for saved, _ in printed)
    exact = [(saved, now) for saved, now in printed if "encoder" in saved or "down_1" in saved]
    assert len(exact) == 2
    for saved, now in exact:
        assert saved == now
    assert sum(now.count("True") for _, now in printed) == 4
