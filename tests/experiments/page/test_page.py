"""The comparison page, made of small runs, of records and of nothing."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest
from PIL import Image

from experiments.launch.errors import UsageError
from experiments.page import maps
from experiments.page.claims import JUDGES, NOT_MEASURED, NOT_TESTED, OPEN
from experiments.page.records import write_record
from experiments.page.runs import RUNS, Run, read_runs
from experiments.page.summary import PARTS, REPORT, claims_section, edge_detector_lines
from experiments.reproduce import Config, run

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def runs(finished, tmp_path_factory):
    """Two of the seven runs: one trained here on a folder, that is as if on real images, and the
    record of another, both of which the page takes."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copytree(ROOT / "docs" / "runs" / "map_to_aerial", folder / "map_to_aerial")
    shutil.copytree(finished("vae_anime"), folder / "vae_anime")
    return folder


@pytest.fixture(scope="module")
def page(runs):
    assert run(Config(runs=runs, train=False)) == 0
    return (runs / "reproduction.md").read_text()


def test_an_evaluation_of_before_the_run_went_on_is_passed_over(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "epochs.csv").write_text("epoch\n1\n")
    (tmp_path / "metrics.json").write_text(json.dumps({"steps": 9, "val_mse": 1.0}))
    for steps, expected in ((9, 2.0), (4, 1.0)):
        evaluation = json.dumps({"steps": steps, "val_mse": 2.0})
        (tmp_path / "evaluation_val.json").write_text(evaluation)
        assert Run("vae_anime", tmp_path).figure("val_mse") == expected


def test_every_section_figure_and_claim_of_the_report_has_its_place(page):
    headings = re.findall(r"^## (R\S+)", page, re.MULTILINE)
    assert headings == ["R1.1", "R1.2", "R1.3", "R2.1", "R2.2"]
    for number in range(1, 7):
        assert f"Figure {number}: " in page
    for part in PARTS:
        for claim in tomllib.loads((REPORT / f"{part}.toml").read_text())["claims"]:
            assert claim["id"] in JUDGES and f"| {claim['text']} |" in page


def test_each_row_of_the_reports_tables_stands_beside_ours(page):
    assert "| down 5 | 8, 8, 512 | 4,196,352 | 8, 8, 512 | 4,196,352 |" in page
    assert "| convolution, no bias | 31, 31, 512 | 2,097,152 | 31, 31, 512 | 2,097,152 |" in page
    assert "| 15 | 128, 128, 128 | 128, 128, 128 |" in page
    assert "| reconstruction_weight | 100 | 100 |" in page


def test_the_first_lines_answer_whether_it_reproduced_the_report(page):
    short = page.split("Runs on this page:")[0]
    assert "**Networks of pix2pix**: 51 of the 51 rows" in short
    assert re.search(r"of the report's 12: .*\d not tested here", short)
    assert re.search(r"\*\*map_to_aerial\*\*, \d+ epochs, beside the training targets' mean", short)
    assert "**Beside published results** (FID): not measured yet" in short


def test_where_runs_fall_short_of_the_report_is_told(page):
    deviations = page.split("## Where we deviate")[1].split("## Where the report contradicts")[0]
    assert "| vae_anime | epochs | 10 | 1.33 |" in deviations
    assert "| map_to_aerial | val pairs | 1,098 | 100 |" in deviations


def test_cells_are_the_runs_own_figures(page, runs):
    figure = Run("map_to_aerial", runs / "map_to_aerial").figure
    row = next(line for line in page.splitlines() if line.startswith("| `translate`"))
    assert f"| {figure('val_l1'):.4f} | {figure('val_psnr'):.2f} |" in row
    found = Run("vae_anime", runs / "vae_anime").metrics
    assert f"| vae_anime | {found['val_mse']:.4g} |" in page


def test_what_is_missing_says_which_command_would_fill_it(page):
    line = "`python -m experiments.vae_cartoon --data DATA --run-dir RUNS/vae_cartoon`"
    assert f"| vae_cartoon | no run yet: {line} |" in page
    line = "`python -m experiments.vq_prior --vq-run RUNS/vq_vae_faces_ema --run-dir RUNS/vq_prior`"
    assert f"| vq_prior | no run yet: {line} |" in page
    assert "--inception-weights FILE" in page and "122.59" in page and "88.46" in page
    assert page.count(f"**{NOT_MEASURED}**") == 5 and page.count(f"**{NOT_TESTED}**") >= 3


def test_the_data_and_their_genuineness_are_said(page):
    assert "a folder of images given by the user (`anime`), not checked against" in page
    assert str(ROOT) not in page
    assert (
        "Not run yet: vae_cartoon, cvae_faces, vq_vae_faces, vq_vae_faces_ema, vq_prior, " in page
    )
    assert "16 x 16" in page and "256 x 256, 64 filters" in page
    assert "train: the published 1,096, by their digest; val: 100, where" in page


def test_of_a_runs_epochs_the_first_and_the_last_are_shown_as_wide_as_they_can_be(page):
    shown = re.findall(r"validation_\w+", "".join(re.findall(r"[(\"]map_to_aerial/.*", page)))
    assert shown == ["validation_epoch_1", "validation_last_epoch"]
    assert re.search(
        r'<img src="map_to_aerial/figures/validation_epoch_1.jpg".* width="100%">', page
    )


def test_the_html_page_needs_no_other_file(page, runs):
    html = (runs / "reproduction.html").read_text()
    sources = re.findall(r'src="([^"]{0,30})', html)
    assert len(sources) > 6 and html.count('width="100%"') == 1
    assert all(source.startswith("data:image/") for source in sources)
    assert "<h2>R2.2 The implementation</h2>" in html and "<td>4,196,352</td>" in html
    assert not re.search(r"<(script|link)", html)


def test_a_record_holds_no_weights_no_path_and_no_original_anime_face(runs, tmp_path):
    assert run(Config(runs=runs, train=False, records=tmp_path, output=tmp_path / "page")) == 0
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert "vae_anime/figures/generated.jpg" in files
    assert "map_to_aerial/figures/data_samples.jpg" in files
    assert "map_to_aerial/figures/validation_epoch_1.jpg" in files
    assert not files & {f"vae_anime/figures/{x}.jpg" for x in ("data_samples", "reconstructions")}
    endings = {Path(file).suffix for file in files}
    assert endings == {".json", ".csv", ".jpg", ".txt", ".md", ".html"}
    texts = "".join((tmp_path / f).read_text() for f in files if f.endswith((".json", ".csv")))
    assert (
        str(runs) not in texts
        and "/"
        not in json.loads((tmp_path / "vae_anime" / "config.json").read_text())["settings"]["data"]
    )
    assert "left out. It would show original anime faces" in (tmp_path / "page.md").read_text()


def test_a_record_serves_as_a_finished_run(runs, tmp_path):
    for name, one in read_runs(runs).items():
        if one.finished:
            write_record(one, tmp_path / name)
    again = read_runs(tmp_path)
    assert [name for name in RUNS if again[name].finished] == ["vae_anime", "map_to_aerial"]
    found = {name: claims_section(read_runs(folder)) for name, folder in
             (("runs", runs), ("records", tmp_path))}  # fmt: skip
    assert found["runs"] == found["records"]
    with Image.open(again["vae_anime"].picture("generated")) as image:
        assert image.width > 100


def test_a_damaged_run_is_named(runs, tmp_path, capsys):
    (tmp_path / "vae_anime").mkdir()
    (tmp_path / "vae_anime" / "metrics.json").write_text("{")
    with pytest.raises(UsageError, match="metrics.json: not readable as JSON"):
        run(Config(runs=tmp_path, train=False))


@pytest.mark.parametrize("name", ["map_to_aerial", "vae_anime"])
def test_a_run_under_anothers_name_is_refused(name, runs, tmp_path):
    other = {"map_to_aerial": "vae_anime", "vae_anime": "map_to_aerial"}[name]
    shutil.copytree(runs / other, tmp_path / name)
    with pytest.raises(UsageError, match=f"{name}: a run of .*, not of {name}; move it away"):
        run(Config(runs=tmp_path, train=False))


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(UsageError, match="none: no such folder"):
        run(Config(runs=tmp_path / "none", train=False))


@pytest.mark.parametrize("option", ["output", "records", "runs"])
def test_a_place_that_cannot_be_written_is_told_before_training(option, tmp_path):
    (tmp_path / "file").write_text("")
    options = {"runs": tmp_path / "runs"} | {option: tmp_path / "file" / "page"}
    with pytest.raises(UsageError, match=f"--{option} .*file"):
        run(Config(**options))


@pytest.mark.parametrize(
    ("epochs", "water", "street", "verdict"),
    [
        (10, (0.6, 0.7), (0.5, 0.6), "supported"),
        (1, (0.6, 0.7), (0.5, 0.6), "supported"),
        (10, (0.3, 0.7), (0.5, 0.6), "in part"),
        (1, (0.3, 0.7), (0.5, 0.6), OPEN),  # the report's epochs are ten
        (10, (0.3, 0.7), (0.03, 0.03), "contradicted"),  # a reader that is blind says nothing
        (2, (0.7, 0.7), (0.03, 0.03), "in part"),  # rivers, but not streets
        (10, (0.1, 0.1), (0.03, 0.03), NOT_TESTED),
    ],
)
def test_rivers_and_streets_are_judged_by_a_reader_that_knows_them(epochs, water, street, verdict):
    figures = {
        f"val_map_iou_{name}{suffix}": value
        for name, pair in (("water", water), ("street", street))
        for suffix, value in zip(("", "_real"), pair, strict=True)
    }
    figures["reader_epochs"] = 8.0
    run = types.SimpleNamespace(figure=figures.get, metrics={"epochs": epochs})
    found, evidence = JUDGES["rivers_and_streets"]({"map_to_aerial": run})
    assert found == verdict and "an `aerial_to_map` run (epochs: 8) reads" in evidence


def short_run(**figures):
    """Of 1.5 epochs, validated after each and at its end."""
    return types.SimpleNamespace(
        name="map_to_aerial",
        finished=True,
        done="1.5 of 10",
        metrics={"epochs": 1.5, "val_examples": 1098},
        epochs=[{"epoch": k, "val_ssim_report_mode": 0.2} for k in (1, 2)],
        figure=figures.get,
        cell=figures.get,
        values=lambda key: [figures[key]] if key in figures else [],
        values_of_epoch=lambda epoch, key: [0.2] if key == "val_ssim_report_mode" else [],
        seeds="seed 0",
        others=[],
    )


def test_an_epoch_that_was_cut_short_is_not_taken_for_a_whole_one():
    run = short_run()
    verdict, evidence = JUDGES["more_epochs"]({"map_to_aerial": run})
    assert verdict == OPEN and "whole epochs in the run: 1" in evidence
    assert [row[0] for row in maps._by_epoch(run)] == ["1", "2 (stopped after 1.5 epochs)"]


def test_published_figures_stand_beside_ours_in_the_mode_in_which_they_were_made():
    fid = {"val_fid": 90.0, "val_fid_report_mode": 95.0, "val_kid_report_mode": 0.1,
           "val_kid_standard_error_report_mode": 0.01}  # fmt: skip
    assert maps._own_fid(short_run(**fid)) == [
        "95.00, KID 0.1000 ± 0.0100; 1,098 images",
        "90.00; 1,098 images",
    ]


HED = {"val_fid_hed": 0.25, "val_kid_hed": 0.125, "val_kid_standard_error_hed": 0.0125}
IN_REPORTS_MODE = {"val_fid_report_mode_hed": 0.5, "val_kid_report_mode_hed": 0.75,
                   "val_kid_standard_error_report_mode_hed": 0.01}  # fmt: skip


def test_an_edge_detectors_distances_stand_in_a_row_for_each_mode_that_has_them():
    modes = {"": "translate", "_report_mode": "the report's mode"}
    lines = edge_detector_lines(short_run(**HED, **IN_REPORTS_MODE), modes)
    assert "never beside published FID and KID" in lines[0]
    assert lines[-3:-1] == [
        "| translate | 0.25 | 0.125 | 0.0125 |", "| the report's mode | 0.5 | 0.75 | 0.01 |",
    ]  # fmt: skip
    assert "the report's mode" not in "".join(edge_detector_lines(short_run(**HED), modes))
    assert edge_detector_lines(short_run(), modes) == []


BY_HED = {
    "vae_anime": "new faces from N(0, I)", "cvae_faces": "new faces from N(0, I)",
    "vq_vae_faces": "reconstructions",
    "map_to_aerial": "`translate`: fixed statistics, no dropout",
}  # fmt: skip


def test_a_records_distances_by_the_edge_detector_are_on_the_page(tmp_path):
    for name in BY_HED:
        shutil.copytree(ROOT / "docs" / "runs" / name, tmp_path / name)
        path = tmp_path / name / "metrics.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | HED))
    assert run(Config(runs=tmp_path, train=False)) == 0
    _, *tables = (tmp_path / "reproduction.md").read_text().split("| edge detector's features |")
    found = [re.match(r".*\n.*\n\| (.*) \| 0.25 \| 0.125 \| 0.0125 \|\n", one) for one in tables]
    assert sorted(one[1] for one in found) == sorted(BY_HED.values())


@pytest.mark.parametrize(
    "figures, verdict",
    [
        ({"short_l1_alone": (0.011, 0.1), "short_patches_alone": (0.02, 0.9)}, "supported"),
        ({"short_l1_alone": (0.011, 0.1), "short_patches_alone": (0.01, 0.9)}, "in part"),
        ({"short_l1_alone": (0.011, 0.7), "short_patches_alone": (0.01, 0.9)}, "contradicted"),
        ({"short_l1_alone": (0.011, 0.1)}, NOT_MEASURED),
    ],
)
def test_what_each_term_carries_is_judged_by_what_is_lost_without_it(figures, verdict):
    runs = {
        name: short_run(val_low_frequency_mse=low, val_high_frequency_power=high)
        for name, (low, high) in {"short": (0.01, 0.8), **figures}.items()
    }
    runs.setdefault("short_patches_alone", short_run())
    found, evidence = JUDGES["l1_low_patches_high_frequencies"](runs)
    assert found == verdict and ("0.800" in evidence or verdict == NOT_MEASURED)


@pytest.mark.parametrize("std, verdict", [(0.001, "supported"), (0.002, "contradicted")])
def test_noise_is_judged_by_whether_the_generator_passes_over_it(std, verdict):
    runs = {"short": short_run(noise_std=0.003, val_l1=0.1),
            "short_input_noise": short_run(noise_std=std, val_l1=0.2)}  # fmt: skip
    found, evidence = JUDGES["dropout_beats_input_noise"](runs)
    assert found == verdict and "0.1000 and 0.2000" in evidence


def test_of_several_seeds_means_and_their_deviation_are_shown(tmp_path):
    for name, seed, mse in (("vae_anime", 0, 0.01), ("vae_anime_seed1", 1, 0.03)):
        shutil.copytree(ROOT / "docs" / "runs" / "vae_anime", tmp_path / "runs" / name)
        for part, change in (("metrics", {"val_mse": mse}), ("config", {"seed": seed})):
            path = tmp_path / "runs" / name / f"{part}.json"
            content = json.loads(path.read_text())
            (content["identity"] if part == "config" else content).update(change)
            path.write_text(json.dumps(content))
    records = tmp_path / "records"
    assert run(Config(runs=tmp_path / "runs", train=False, records=records)) == 0
    page = (tmp_path / "runs" / "reproduction.md").read_text()
    assert "| vae_anime (seeds 0, 1) | a folder" in page and "Epochs: 10; seeds 0, 1." in page
    assert "| vae_anime | 0.02 ± 0.01 | 0.533 |" in page
    assert (records / "vae_anime_seed1" / "metrics.json").exists()
    assert read_runs(records)["vae_anime"].figure("val_mse") == pytest.approx(0.02)


def test_by_epoch_stand_seeds_means_and_below_them_the_trivial_answer_and_the_truth(tmp_path):
    for seed, ssim, iou in ((0, 0.2, None), (1, 0.4, 0.5)):
        folder = tmp_path / ("map_to_aerial" + (f"_seed{seed}" if seed else ""))
        shutil.copytree(ROOT / "docs" / "runs" / "map_to_aerial", folder)
        read = "" if iou is None else ",val_map_iou_report_mode"
        rows = f"epoch,val_ssim_report_mode{read}\n1,{ssim}" + (f",{iou}" if iou else "")
        (folder / "logs" / "epochs.csv").write_text(rows + "\n")
        metrics = json.loads((folder / "metrics.json").read_text())
        metrics |= {"val_ssim_mean_colour": 0.1, "val_map_iou_real": 0.3}
        (folder / "metrics.json").write_text(json.dumps(metrics))
        (folder / "evaluation_val.json").unlink(missing_ok=True)
    first, *beside = maps._by_epoch(read_runs(tmp_path)["map_to_aerial"])
    assert first == ["1", "", "", "0.3 ± 0.1", "", "0.500"]
    assert [row[0] for row in beside] == [
        "the training targets' mean colour",
        "true photographs, read",
    ]
    assert beside[0][3] == "0.100" and beside[1][-1] == "0.300"


def test_no_row_is_blank(page):
    rows = [line for line in page.splitlines() if re.match(r"\| [^|]+ \|", line)]
    assert len(rows) > 60 and not [row for row in rows if re.fullmatch(r"\|[^|]+(\| *)+", row)]
    gone = short_run(val_l1=0.1)
    gone.options = {"seed": 0, "adversarial_loss": "hinge"}
    gone.metrics |= {"data_source": "folder", "data_note": "a few", "train_examples": 128}
    lines = maps._direction(gone, lambda *args, **options: [])
    assert any(line.startswith("| `translate`") for line in lines)
    assert not any("each image's own statistics" in line for line in lines)


def test_a_claim_on_generated_images_tells_how_much_they_vary():
    vq_vae = short_run(val_mse=0.008, generated_mse=0.002)
    vae = short_run(spread=0.2, spread_real=0.4)
    runs = {"vq_vae_faces": vq_vae, "vae_anime": vae}
    verdict, evidence = JUDGES["generated_better_than_real"](runs)
    assert verdict == "supported" and "spread, squared, 0.050 and 0.050." in evidence


@pytest.mark.parametrize(
    ("bits", "kid", "other_images", "verdict"),
    [
        (4.5, 0.10, False, "supported"),
        (4.5, 0.14, False, "in part"),  # farther from real faces than the VAE's
        (4.5, 0.14, True, "supported"),  # which were others
        (5.2, 0.14, False, "contradicted"),  # a table does as well
    ],
)
def test_that_other_distributions_are_learned_is_judged_by_the_prior(
    bits, kid, other_images, verdict
):
    figures = {"val_bits_per_code": bits, "val_bits_unigram": 6.0, "val_bits_neighbours": 5.0}
    prior, vae = short_run(**figures, val_kid_hed=kid), short_run(val_kid_hed=0.12)
    for one, digest in ((prior, "some"), (vae, "others" if other_images else "some")):
        one.config = {"identity": {"val_digest": digest}}
    judge = JUDGES["discrete_latent_lets_other_distributions"]
    found, evidence = judge({"vq_prior": prior, "vae_anime": vae})
    assert found == verdict and f"needs {bits:.2f} bits" in evidence
    assert ("lower: " in evidence) == (not other_images)


def test_a_rise_of_a_falling_loss_is_told():
    run = types.SimpleNamespace(
        epochs=[{"loss": x, "recon_loss": x} for x in (900.0, 500.0, 700.0, 400.0)]
    )
    verdict, evidence = JUDGES["losses_fall"]({"vae_anime": run, "vae_cartoon": run})
    assert verdict == "supported" and "(a rise in epoch 3: 500 to 700)" in evidence


@pytest.mark.slow
def test_all_runs_are_trained_measured_and_put_on_the_page(tmp_path):
    line = [sys.executable, "-m", "experiments.reproduce", "--runs", tmp_path, "--max-steps", "2",
            "--filters", "2", "--image-size", "32"]  # fmt: skip
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path / 'reproduction'}.md and .html: 7 of 7 runs" in done.stdout
    page = (tmp_path / "reproduction.md").read_text()
    assert "no run yet" not in page
    assert page.count("**synthetic**, drawn by the package") >= 6
    again = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    assert "training" not in again.stdout  # finished runs are taken as they are
    records = tmp_path / "records"
    assert run(Config(runs=tmp_path, train=False, records=records, output=records / "page")) == 0
    figures = {path.name for path in (records / "map_to_aerial" / "figures").iterdir()}
    assert {"data_samples.jpg", "validation_epoch_1.jpg", "validation_last_epoch.jpg"} <= figures
    assert not list(records.rglob("*saved_model*")) and not list(records.rglob("*.keras"))
