"""A user's own recordings: what can be read, and a sentence for each thing that is wrong."""
import json
import shutil

import numpy as np
import pytest
from conftest import colours, write
from rppg_tools import core, data, own
from rppg_tools.__main__ import main

BPM, SECONDS = 75.0, 30


def trace(folder, t, rgb, name="t,r,g,b"):
    write(folder / "trace.csv", name, np.column_stack([t, rgb.reshape(len(t), -1)]))


@pytest.fixture
def good(tmp_path):
    """One recording with nothing wrong."""
    t, rgb = colours(BPM, SECONDS)
    trace(tmp_path / "in" / "one", t, rgb)
    write(tmp_path / "in" / "one" / "reference.csv", "t,bpm", [(k, BPM) for k in range(SECONDS + 1)])
    return tmp_path / "in"


def said(folder, capsys):
    """What `check` prints about what is wrong, and that its exit status fits."""
    status = main(["check", str(folder)])
    out = capsys.readouterr().out
    wrong = [line for line in out.splitlines() if line.startswith("WRONG")]
    assert status == (1 if wrong else 0)
    return "\n".join(wrong)


def ppg(t, bpm, upside=1.0):
    """A contact wave: it rises fast."""
    phase = t * bpm / 60 % 1
    return upside * (np.exp(-0.5 * ((phase - 0.2) / 0.08) ** 2) + 0.4 * np.exp(-0.5 * ((phase - 0.5) / 0.13) ** 2))


def test_nothing_wrong(good, capsys):
    assert said(good, capsys) == ""


# ---- the trace ------------------------------------------------------------------------------------

T, RGB = colours(BPM, SECONDS)


def changed(**parts):
    """The trace with rows or columns replaced: t or rgb as functions of what was."""
    t, rgb = T.copy(), RGB.copy()
    return parts.get("t", lambda x: x)(t), parts.get("rgb", lambda x: x)(rgb)


def put(row, column, value):
    def change(x):
        x[row, column] = value
        return x
    return change


def swap(t):
    t[100], t[101] = t[101], t[100]
    return t


@pytest.mark.parametrize("parts, why", [
    ({"t": swap}, r"trace.csv: line 103: time 3.33333 after 3.36667: times must rise"),
    ({"t": lambda t: np.where(np.arange(len(t)) == 50, t[49], t)}, "line 52: time .* times must rise"),
    ({"rgb": put(70, 1, np.nan)}, "line 72 holds nan or inf"),
    ({"t": lambda t: 1000 * t}, "times look like milliseconds: 33.3"),
    ({"t": lambda t: 5 * t}, "6 frames a second are too few: 10 or more"),
    ({"t": lambda t: np.where(t > 12, t + 2.5, t)}, "1 gaps of more than 1 s, the longest 2.53 s at 12"),
    ({"t": lambda t: t * 0.2}, "5.99 s are too short: 10 or more"),
    ({"rgb": lambda x: x * 2}, "colours from .* to 34[0-9].*: 0 to 255 are wanted"),
    ({"rgb": lambda x: x / 255}, "look like 0 to 1"),
    ({"rgb": lambda x: np.minimum(x * [1.503, 1, 1], 255)}, "region 1, r is clipped: .* at 254 or more"),
    ({"rgb": lambda x: x * [1, 1, 0.008]}, "region 1, b is black"),
    ({"rgb": put(slice(None), 1, 90.0)}, "region 1, g is flat: always 90"),
])
def test_what_is_wrong_with_a_trace(good, capsys, parts, why):
    import re
    t, rgb = changed(**parts)
    trace(good / "one", t, rgb)
    text = said(good, capsys)
    assert re.search(why, text), text


@pytest.mark.parametrize("text, why", [
    ("t,r,g,b,x\n0,1,2,3,4\n1,1,2,3,4\n", "trace.csv has 5 columns: it needs t,r,g,b"),
    ("t,r,g,b\n0,1,2,3\n1,1,2\n", "line 3 has 3 columns, line 2 has 4"),
    ("t,r,g,b\n0,1,2,3\n1,1,2,dark\n", "line 3: could not convert string to float: 'dark'"),
    ("0,1,2,3\n1,1,2,3\n2,1,2,3\n", "line 1 holds numbers; it is for the names of the columns"),
    ("t,r,g,b\n", "trace.csv has 0 rows below its line of names"), ("", "has 0 rows")])
def test_what_is_wrong_with_the_text_of_a_trace(good, capsys, text, why):
    (good / "one" / "trace.csv").write_text(text)
    assert why in said(good, capsys)


def test_not_text(good, capsys):
    (good / "one" / "trace.csv").write_bytes(bytes(range(256)))
    assert "trace.csv cannot be read" in said(good, capsys)


def test_no_recording(good, tmp_path, capsys):
    (good / "one" / "trace.csv").unlink()
    assert "one: has neither trace.csv nor video.y4m nor frames/" in said(good, capsys)
    (tmp_path / "empty").mkdir()
    assert "no recordings: one folder each" in said(tmp_path / "empty", capsys)
    assert main(["check", str(tmp_path / "missing")]) == 1
    assert "no such folder" in capsys.readouterr().err


# ---- the reference --------------------------------------------------------------------------------

def readings(start=0, end=SECONDS + 1, bpm=BPM):
    return "t,bpm", [(k, bpm) for k in range(start, end)]


@pytest.mark.parametrize("name, rows, why", [
    ("reference.csv", readings(end=16), "covers 50 % of the trace: trace 0 to 29.9667, reference 0 to 15"),
    ("reference.csv", readings(1000, 1031), "the clocks do not overlap: trace 0 to 29.9667, reference 1000 to 1030"),
    ("reference.csv", readings(bpm=20), "31 of 31 reference rates outside 30 to 250 bpm, the first 20 at 0"),
    ("reference.csv", ("t,bpm", [(0, BPM), (1, 260), (30, BPM)]),
     "1 of 3 reference rates outside 30 to 250 bpm, the first 260 at 1"),
    ("reference.csv", ("t,bpm", [(0, BPM), (1, BPM), (30, BPM)]), "the reference has a hole of 29 s at 1"),
    ("reference.csv", ("t,bpm", [(0, BPM), (2, BPM), (1, BPM)]), "line 4: time 1 after 2: times must rise"),
    ("reference.csv", ("t,bpm", [(0, BPM), (1, np.nan)]), "reference.csv: line 3 holds nan or inf"),
    ("reference.csv", ("t,bpm,spo2", [(0, BPM, 97), (1, BPM, 97)]),
     "reference.csv has 3 columns: it needs two columns, t,bpm"),
    ("rr.csv", ("t,rr", [(0.8 * k, 800) for k in range(1, 38)]), "rr.csv: intervals look like milliseconds"),
    ("rr.csv", ("t,rr", [(0.2 * k, 0.2) for k in range(1, 150)]), "outside 30 to 250 bpm, the first 300"),
    ("ppg.csv", ("t,ppg", [(k / 50, 7.0) for k in range(1500)]), "ppg.csv is flat"),
    ("ppg.csv", ("t,ppg", [(k / 10, k % 8) for k in range(300)]), "has 10 samples a second: it needs 20 or more"),
    ("ppg.csv", ("t,ppg", [(k / 50, ((k * 7919) % 997)) for k in range(120)]), "ppg.csv shows no steady beats"),
])
def test_what_is_wrong_with_a_reference(good, capsys, name, rows, why):
    (good / "one" / "reference.csv").unlink()
    write(good / "one" / name, *rows)
    assert why in said(good, capsys)


def test_how_many_references(good, capsys):
    write(good / "one" / "rr.csv", "t,rr", [(0.8 * k, 0.8) for k in range(1, 38)])
    assert "one: has 2 references, rr.csv and reference.csv: one, please" in said(good, capsys)
    (good / "one" / "rr.csv").unlink()
    (good / "one" / "reference.csv").unlink()
    assert "one: has no reference: one of ppg.csv, rr.csv, reference.csv" in said(good, capsys)


@pytest.mark.parametrize("upside", [1.0, -1.0])
@pytest.mark.parametrize("bpm", [50.0, 75.0, 160.0])
def test_contact_wave_as_reference(good, capsys, bpm, upside):
    (good / "one" / "reference.csv").unlink()
    t = np.arange(0, SECONDS + 1, 1 / 60)
    noise = np.random.default_rng(1).normal(0, 0.02, len(t))
    wave = 1000 + 300 * (ppg(t, bpm, upside) + noise + 0.2 * np.sin(t))
    write(good / "one" / "ppg.csv", "t,ppg", np.column_stack([t, wave]))
    assert said(good, capsys) == ""
    recording, = data.recordings(good)
    for start in (0, 10, 20):
        assert recording.reference(start, start + 10) == pytest.approx(bpm, rel=0.01)


# ---- about.json, subjects -------------------------------------------------------------------------

@pytest.mark.parametrize("about, why", [
    ("{", "about.json is no JSON"), ("[1]", "must be like"), ('{"subject": 7}', "must be like"),
    ('{"name": "anna"}', "unknown 'name': only subject, camera, scenario, split, start"),
    ('{"split": "dev"}', "no split 'dev': one of train, validation, test")])
def test_what_is_wrong_with_about(good, capsys, about, why):
    (good / "one" / "about.json").write_text(about)
    assert why in said(good, capsys)


def copies(good, abouts):
    for k, about in enumerate(abouts):
        shutil.copytree(good / "one", good / f"copy_{k:02}")
        (good / f"copy_{k:02}" / "about.json").write_text(json.dumps(about))
    shutil.rmtree(good / "one")


def test_subject_on_two_sides(good, capsys):
    copies(good, [{"subject": "anna", "split": "train"}, {"subject": "anna", "split": "test"}])
    assert "copy_01: subject 'anna' is in test here and in train in copy_00" in said(good, capsys)


def test_split_by_subject(good):
    names = [f"person {k}" for k in range(10)]
    copies(good, [{"subject": name, "camera": "door"} for name in names for _ in range(2)])
    found = list(data.recordings(good))
    sides = {name: {r.split for r in found if r.subject == name} for name in names}
    assert all(len(s) == 1 for s in sides.values()), "nobody is on two sides"
    count = [sum(s == {split} for s in sides.values()) for split in data.SPLITS]
    assert count == [7, 1, 2] and {r.camera for r in found} == {"door"}
    assert [r.split for r in data.recordings(good)] == [r.split for r in found]
    assert sorted(own.splits(["a", "b", "c"]).values()) == ["test", "train", "validation"]


def test_split_that_is_said_holds_for_the_subject(good):
    copies(good, [{"subject": "anna", "split": "validation"}, {"subject": "anna"}, {}])
    assert [r.split for r in data.recordings(good)] == ["validation", "validation", "test"]


# ---- video ----------------------------------------------------------------------------------------

W, H, FPS, FRAMES = 64, 48, 15, 180


def planes(rng):
    """Grey frames of a face that pulses in its middle, and their faces.csv rows."""
    t = np.arange(FRAMES) / FPS
    x = 120 * (1 - 0.02 * np.sin(2 * np.pi * BPM / 60 * t))[:, None, None] + rng.normal(0, 1, (FRAMES, H, W))
    return t, np.clip(np.round(x), 0, 255).astype(np.uint8), [(f"{k / FPS}", 8, 4, 48, 40) for k in range(FRAMES)]


def video(folder, boxes):
    folder.mkdir(parents=True, exist_ok=True)
    text = "t,x,y,w,h\n" + "\n".join(",".join(map(str, b)) for b in boxes) + "\n"
    (folder / "faces.csv").write_text(text)
    write(folder / "reference.csv", "t,bpm", [(k, BPM) for k in range(FRAMES // FPS + 1)])


def test_video_and_images_are_read_alike(tmp_path, capsys):
    t, x, boxes = planes(np.random.default_rng(2))
    root = tmp_path / "in"
    for name in ("y4m", "pgm"):
        video(root / name, boxes)
    with open(root / "y4m" / "video.y4m", "wb") as f:
        f.write(b"YUV4MPEG2 W64 H48 F15:1 Cmono XCOLORRANGE=FULL\n")
        f.write(b"".join(b"FRAME\n" + frame.tobytes() for frame in x))
    (root / "pgm" / "frames").mkdir()
    for k, frame in enumerate(x):
        (root / "pgm" / "frames" / f"f_{k:04}.pgm").write_bytes(b"P5\n64 48\n255\n" + frame.tobytes())
    assert said(root, capsys) == ""
    pgm, y4m = data.recordings(root)
    assert pgm.rgb.shape == (FRAMES, 6, 3)
    np.testing.assert_allclose(y4m.rgb, pgm.rgb, atol=1e-4)
    np.testing.assert_allclose(pgm.rgb[:, 5, 1], x[:, 4:44, 8:56].mean((1, 2)), atol=1e-3)  # the last region is the box


def test_colours_of_a_video(tmp_path):
    """Numbered colour images: the six regions of rppg.h's table, averaged."""
    _, _, boxes = planes(np.random.default_rng(3))
    x = np.random.default_rng(3).integers(0, 255, (FRAMES, H, W, 3), np.uint8)
    video(tmp_path / "in" / "one", boxes)
    (tmp_path / "in" / "one" / "frames").mkdir()
    for k, frame in enumerate(x):
        (tmp_path / "in" / "one" / "frames" / f"{k}.ppm").write_bytes(b"P6 64 48 255\n" + frame.tobytes())
    one, = data.recordings(tmp_path / "in")
    left, right = int(8 + 48 * 0.38 + 0.5), int(8 + 48 * 0.62 + 0.5)
    top, bottom = int(4 + 40 * 0.48 + 0.5), int(4 + 40 * 0.68 + 0.5)
    np.testing.assert_allclose(one.rgb[:, 0], x[:, top:bottom, left:right].mean((1, 2)), atol=1e-3)


@pytest.mark.parametrize("change, why", [
    (lambda f: (f / "faces.csv").unlink(), "has a video and no faces.csv"),
    (lambda f: video(f, [(k, 8, 4, 48) for k in range(FRAMES)]), "faces.csv has 4 columns: it needs t,x,y,w,h"),
    (lambda f: video(f, planes(np.random.default_rng(0))[2][:-3]), "faces.csv has 177 rows for 180 frames"),
    (lambda f: video(f, [(k / FPS, 500, 4, 48, 40) for k in range(FRAMES)]),
     "line 2: no face of 48 x 40 pixels at 500,4 in a frame of 64 x 48"),
    (lambda f: (f / "video.y4m").write_bytes(b"RIFF"), "video.y4m: not Y4M"),
    (lambda f: (f / "video.y4m").write_bytes(b"YUV4MPEG2 W64 H48 C420p10\n"), "pixel format 420p10"),
    (lambda f: (f / "video.y4m").write_bytes(b"YUV4MPEG2 C420\n"), "names no width and height"),
    (lambda f: (f / "video.y4m").write_bytes(b"YUV4MPEG2 W99999 H9 C420\n"), "frames of 99999 x 9 pixels"),
    (lambda f: (f / "video.y4m").write_bytes((f / "video.y4m").read_bytes()[:-9]), "video.y4m is damaged or cut off"),
])
def test_what_is_wrong_with_a_video(tmp_path, capsys, change, why):
    _, x, boxes = planes(np.random.default_rng(2))
    one = tmp_path / "in" / "one"
    video(one, boxes)
    (one / "video.y4m").write_bytes(b"YUV4MPEG2 W64 H48 F15:1 Cmono\n" + b"".join(b"FRAME\n" + f.tobytes() for f in x))
    change(one)
    assert why in said(tmp_path / "in", capsys)


@pytest.mark.parametrize("files, why", [
    ({}, "frames/ holds no numbered"), ({"1.ppm": b"P3 1 1 255\n0 0 0"}, "no binary PPM or PGM of 8 bits"),
    ({"1.ppm": b"P6 64 48 255\nabc"}, "frames/1.ppm is cut off")])
def test_what_is_wrong_with_images(tmp_path, capsys, files, why):
    one = tmp_path / "in" / "one"
    video(one, planes(np.random.default_rng(0))[2])
    (one / "frames").mkdir()
    for name, content in files.items():
        (one / "frames" / name).write_bytes(content)
    assert why in said(tmp_path / "in", capsys)


def test_a_recording_that_cannot_be_read_stops_evaluate(good):
    (good / "one" / "about.json").write_text("{")
    with pytest.raises(core.ToolError, match="one: about.json is no JSON"):
        list(data.recordings(good))
