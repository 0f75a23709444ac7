import csv
import re

import numpy as np
import pytest

from rppg_tools import blob, calibrate, core, data, evaluate, synth
from rppg_tools.__main__ import main

BEGIN, END = "<!-- rppg_tools evaluate: begin -->", "<!-- rppg_tools evaluate: end -->"


def row(bpm, reference, confidence, pulse=True, **other):
    values = dict(data_set="set", recording="r", split="test", method="pos", window_s=10.0, start=0.0, end=10.0,
                  reference=reference, pulse=pulse, bpm=bpm, raw=bpm, tracked=bpm, confidence=confidence, snr_db=1.0, flags=0,
                  decoy=np.nan, evidence=())
    return evaluate.Row(**(values | other))


def test_figures_by_hand():
    f = evaluate.figures([row(60, 60, 0.9), row(64, 60, 0.7), row(70, 80, 0.2), row(90, 87, 0.4)])
    assert f["n"] == 4 and f["mae"] == pytest.approx(17 / 4) and f["rmse"] == pytest.approx(np.sqrt(125 / 4))
    assert f["median"] == pytest.approx(3.5)
    assert (f["within_3"], f["within_5"], f["above_0.5"], f["below_0.3"]) == (50, 75, 50, 25)
    assert f["sure_of_good"] == 50, "of the two within 3 bpm one is above 0.5"
    assert f["r"] == pytest.approx(np.corrcoef([60, 64, 70, 90], [60, 60, 80, 87])[0, 1])
    assert f["ece"] == pytest.approx((0.1 + 0.3 + 0.2 + 0.6) / 4)
    assert f["aurc"] == pytest.approx((0 + 4 / 2 + 7 / 3 + 17 / 4) / 4)


def test_calibration_error_of_what_is_calibrated():
    c = np.repeat([0.25, 0.75], 400)
    ok = np.tile([1, 0, 0, 0], 100).tolist() + np.tile([1, 1, 1, 0], 100).tolist()
    assert evaluate.calibration_error(c, np.array(ok, bool)) == pytest.approx(0)
    assert evaluate.calibration_error(np.ones(10), np.zeros(10, bool)) == 1


def test_risk_does_not_hang_on_the_order_of_equals():
    a = evaluate.area(np.array([0.5, 0.5, 0.9]), np.array([0.0, 6.0, 1.0]))
    b = evaluate.area(np.array([0.5, 0.5, 0.9]), np.array([6.0, 0.0, 1.0]))
    assert a == b == pytest.approx((1 + 2 + 7 / 3) / 3)


def test_no_pulse_has_no_error_and_no_hit():
    f = evaluate.figures([row(60, np.nan, 0.2, pulse=False), row(70, np.nan, 0.4, pulse=False)])
    assert "mae" not in f and f["ece"] == pytest.approx(0.3) and f["below_0.3"] == 50


def test_tables(sets, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n")
    args = ["evaluate", str(sets), "--csv", str(tmp_path / "t.csv"), "--rows", str(tmp_path / "w.csv"),
            "--readme", str(readme)]
    assert main(args) == 0
    printed = capsys.readouterr().out
    entries = list(csv.DictReader(open(tmp_path / "t.csv", encoding="utf-8")))
    assert printed.count("\n") == len(entries) + 2
    found = {(e["data_set"], e["split"], e["method"], e["window_s"]): e for e in entries}
    one = found["finger-oximetry", "train", "contact", "15"]
    assert float(one["mae"]) < 1 and float(one["within_5"]) == 100
    assert found["nuisance-faces", "test", "pos", "10"]["mae"] == ""
    assert float(found["nuisance-faces", "test", "pos", "10"]["below_0.3"]) > 90
    assert int(found["all of these", "test", "pos", "10"]["n"]) == (
        int(found["macaque", "test", "pos", "10"]["n"]) + int(found["nuisance-faces", "test", "pos", "10"]["n"]))
    windows = list(csv.DictReader(open(tmp_path / "w.csv", encoding="utf-8")))
    assert sum(int(e["n"]) for e in entries if e["data_set"] != "all of these") == len(windows)
    text = readme.read_text()
    assert text.startswith(f"above\n{BEGIN}\n| recordings") and text.endswith(f"{END}\nbelow\n")
    assert "old" not in text and "| train |" not in text
    assert main(args) == 0 and readme.read_text() == text, "a second time changes nothing"


def test_readme_without_markers_is_left_alone(own, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("nothing here\n")
    assert main(["evaluate", str(own), "--readme", str(readme)]) == 1
    assert "begin" in capsys.readouterr().err and readme.read_text() == "nothing here\n"


def test_own_recordings(own, capsys):
    assert main(["evaluate", str(own), "--methods", "pos", "--windows", "12"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("| mine | test | pos | 12 |") and " 100.0 " in line


@pytest.mark.parametrize("wrong", [["--methods", "magic"], ["--splits", "all"], ["--sets", "x"], ["--windows", "a"],
                                   ["--windows", "90"]])
def test_bad_arguments(own, wrong, capsys):
    assert main(["evaluate", str(own), *wrong]) == 1
    assert "rppg_tools: " in capsys.readouterr().err


def test_plots_are_the_same_bytes_twice(sets, tmp_path):
    rows = list(evaluate.all_rows(data.recordings(sets), windows_s=(10.0,), splits=("test",)))
    from rppg_tools import plots
    for folder in ("p", "q"):
        plots.draw(rows, tmp_path / folder)
    names = sorted(p.name for p in (tmp_path / "p").iterdir())
    assert names == ["bland_altman.svg", "reliability.svg", "risk_coverage.svg", "scatter.svg"]
    for name in names:
        text = (tmp_path / "p" / name).read_text()
        assert text == (tmp_path / "q" / name).read_text() and "<dc:date>" not in text


# ---- calibrate ------------------------------------------------------------------------------------

def test_fit_finds_the_weights_it_was_made_with():
    rng = np.random.default_rng(5)
    x = rng.normal(0, 1, (200000, 2))
    y = rng.random(len(x)) < 1 / (1 + np.exp(-(x @ [1.5, -0.7] + 0.4)))
    got = calibrate.fit(x, y.astype(float), np.ones(len(x)), prior=0.0)
    assert got == pytest.approx([1.5, -0.7, 0.4], abs=0.03)
    many = np.where(y, 3.0, 1.0)  # hits counted threefold: the constant rises by log 3
    assert calibrate.fit(x, y.astype(float), many, prior=0.0) == pytest.approx([1.5, -0.7, 0.4 + np.log(3)], abs=0.04)


def test_sources_count_by_weight_not_by_length():
    rows = [row(1, 1, 0.5)] * 30 + [row(1, 1, 0.5, data_set="macaque")] * 3
    weight = calibrate.weights_of(rows)
    assert weight[:30].sum() == pytest.approx(calibrate.OTHER_WEIGHT)
    assert weight[30:].sum() == pytest.approx(calibrate.WEIGHTS["macaque"])


def test_synthetic_traces_are_what_they_say():
    clips = []
    rng = np.random.default_rng(1)
    for k in range(2):
        clips.append(data.Recording(
            "nuisance-faces", str(k), "train", np.arange(15 * 60) / 15, rng.normal(100, 0.2, (15 * 60, 2, 3)), None))
    a, b = (list(synth.faces(clips, "train", 12, 7)) for _ in range(2))
    assert len(a) == 24 and all((x.rgb == y.rgb).all() for x, y in zip(a, b)), "one seed, one result"
    assert sum(r.reference is not None for r in a) == 12 and all(r.split == "train" for r in a)
    rng = np.random.default_rng(2)
    t = np.arange(0, 30, 1 / 30)
    w, phase = synth.wave(rng, t, 1.5, 0.0, 0.0)
    assert synth.beats_reference(t, phase)(5, 15) == pytest.approx(90)
    colours = [synth.screen(rng) for _ in range(50)]
    assert all(c @ synth.FACE / np.linalg.norm(c) / np.linalg.norm(synth.FACE) < synth.FAR for c in colours)


def test_calibrate_rewrites_only_its_table(sets, tmp_path, monkeypatch, capsys):
    header = tmp_path / "rppg.h"
    old = (core.header_folder() / "rppg.h").read_text()
    header.write_text(old)
    monkeypatch.setattr(calibrate.training_rows, "__defaults__", ("train", 12, 1))
    assert main(["calibrate", str(sets), "--header", str(header)]) == 0
    table = capsys.readouterr().out
    new = header.read_text()
    outside = re.compile(re.escape(calibrate.BEGIN) + ".*" + re.escape(calibrate.END), re.DOTALL)
    assert table in new and outside.sub("", new) == outside.sub("", old)
    assert main(["calibrate", str(sets), "--header", str(header)]) == 0 and header.read_text() == new
    assert main(["calibrate", str(sets), "--header", str(sets / "finger-oximetry" / "100001_gt.csv")]) == 1


@pytest.fixture
def model(tmp_path):
    """A model on six regions that always names 72 bpm, and is sure of it."""
    g = blob.Graph()
    x = g.reshape(g.input((1, 18, 64, 1)), (1, 1, 1, 18 * 64))
    g.output(g.dense(x, np.zeros((3, 18 * 64)), np.array([0.0, 20.0, 0.0])))
    g.spec = {"task": 1, "source": 1, "norm": 2, "frames": 64, "hop": 10, "fps": 15.0, "channels": 18}
    g.classes = [60.0, 72.0, 90.0]
    g.write(tmp_path / "model.rppg")
    return tmp_path / "model.rppg"


def side_rows(printed):
    lines = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("| ")]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def test_model_and_fft_side_by_side(own, model, tmp_path, capsys):
    rows = tmp_path / "rows.csv"
    assert main(["evaluate", str(own), "--model", str(model), "--methods", "pos", "--windows", "12", "--rows", str(rows)]) == 0
    row, = side_rows(capsys.readouterr().out)
    seen = list(csv.DictReader(open(rows, encoding="utf-8")))
    truth = np.array([float(r["reference"]) for r in seen])
    assert int(row["n"]) == len(seen) and set(truth.round()) == {72, 90}, "one recording at 72, one at 90"
    assert float(row["FFT: MAE"]) < 0.5 and float(row["FFT: within 3 %"]) == 100
    assert float(row["model: MAE"]) == pytest.approx(np.abs(72 - truth).mean(), abs=0.01)
    assert float(row["model: within 5 %"]) == pytest.approx(100 * (truth < 77).mean(), abs=0.1) and row["model: coverage %"] == "100.0"
    assert float(row["session: within 5 %"]) == 100, "the FFT is sure: a model that is wrong is not followed"
    for name, bpm in (("fft", None), ("model", 72.0), ("bpm", None)):
        values = np.array([float(r[name]) for r in seen])
        assert np.allclose(values, bpm if bpm else truth, atol=3)
    plain = tmp_path / "plain.csv"
    assert main(["evaluate", str(own), "--methods", "pos", "--windows", "12", "--rows", str(plain)]) == 0
    for a, b in zip(seen, csv.DictReader(open(plain, encoding="utf-8"))):
        assert a["fft"] == b["bpm"] and "model" not in b


def test_simulated_recordings(model, capsys):
    command = ["evaluate", "--simulated", "webcam,nir", "--clips", "2", "--splits", "test", "--windows", "15", "--model", str(model)]
    assert main(command) == 0
    first = capsys.readouterr().out
    rows = side_rows(first)
    assert {(r["recordings"], r["method"]) for r in rows[:4]} == {
        ("simulated webcam", "pos"), ("simulated webcam", "chrom"), ("simulated webcam", "green"), ("simulated nir", "green")}
    assert all(int(r["n"]) >= 2 for r in rows)
    assert main(command) == 0 and capsys.readouterr().out == first, "the seed decides"


def test_models_that_cannot_be_shown_recordings(own, model, tmp_path, capsys):
    g = blob.Graph()
    g.output(g.dense(g.input((1, 1, 1, 4)), np.eye(4)))
    g.write(tmp_path / "other.rppg")
    (tmp_path / "broken.rppg").write_bytes(model.read_bytes()[:-3])
    for name, words in (("other", "colour signals"), ("broken", "broken.rppg"), ("none", "none.rppg")):
        assert main(["evaluate", str(own), "--model", str(tmp_path / f"{name}.rppg")]) == 1
        assert words in capsys.readouterr().err
    assert main(["evaluate", "--model", str(model)]) == 1 and "--simulated" in capsys.readouterr().err


def test_weights_of_a_model_are_those_that_made_the_windows(model, tmp_path, monkeypatch, capsys):
    """Windows drawn with known chances; the fit finds these, and the command writes them, and nothing else."""
    rng, truth, rows = np.random.default_rng(6), {"agree": (0.8, 1.2, 0.5), "model": (-0.3, 1.5, -0.5), "fft": (1.0, -0.6, 0.2)}, []
    for methods in calibrate.KINDS:
        for k in range(12000):
            c, share = rng.uniform(0.02, 0.98, 2)
            chance = {who: 1 / (1 + np.exp(-(a * np.log(c / (1 - c)) + b * np.log(share / (1 - share)) + d))) for who, (a, b, d) in truth.items()}
            agree, u = k % 2 == 0, rng.random(2)
            fft = 60.0 if u[0] < chance["agree" if agree else "fft"] else 80.0
            said = fft if agree else 60.5 if fft == 80.0 and u[1] < chance["model"] / (1 - chance["fft"]) else 100.0
            rows.append(row(fft, 60, c, method=methods[0], fft=fft, fft_confidence=c, model=said, sharp=share))
    for kind in calibrate.fit_model(rows):
        assert kind[0] == pytest.approx(truth["agree"], abs=0.1) and kind[2] == pytest.approx(truth["fft"], abs=0.1)
        assert kind[1][1] > 0.3, "the sharper, the likelier"
    header = tmp_path / "rppg.h"
    old = (core.header_folder() / "rppg.h").read_text(encoding="utf-8")
    header.write_text(old, encoding="utf-8")
    monkeypatch.setattr(calibrate, "model_rows", lambda folder, models: rows)
    assert main(["calibrate", str(tmp_path), "--model", str(model), "--header", str(header)]) == 0
    table, new = capsys.readouterr().out, header.read_text(encoding="utf-8")
    outside = re.compile(re.escape(calibrate.MODEL_BEGIN) + ".*" + re.escape(calibrate.MODEL_END), re.DOTALL)
    assert table in new and new != old and outside.sub("", new) == outside.sub("", old)
