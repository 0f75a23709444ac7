"""From the sensor to the tools: a rendered clip, recorded by the C programs, checked and evaluated here."""
import csv
import os
import shutil
import subprocess

import numpy as np
import pytest
from rppg_tools import core, data, evaluate
from rppg_tools.__main__ import main

BPM = 66


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    folder, root = tmp_path_factory.mktemp("bin"), core.header_folder()
    compiler = os.environ.get("CC", "cc").split()
    if not shutil.which(compiler[0]) or not (root / "examples" / "hr_video.c").exists():
        pytest.skip("needs a C compiler and the repository's examples")
    for name in ("synth_face", "hr_video", "webcam"):
        subprocess.run([*compiler, "-std=c99", "-O1", "-w", f"-I{root}", str(root / "examples" / f"{name}.c"), "-o",
                        str(folder / name), "-lm"], check=True)
    return folder


@pytest.fixture(scope="module")
def clip(programs, tmp_path_factory):
    """A clip with times that jitter, its true rate and its face box."""
    folder = tmp_path_factory.mktemp("clip")
    options = ["--bpm", str(BPM), "--seconds", "24", "--size", "160x120", "--jitter", "30", "--drop", "5"]
    subprocess.run([programs / "synth_face", "--quiet", "--truth", folder / "truth.csv", *options, folder / "clip.y4m"],
                   check=True)
    box = subprocess.run([programs / "synth_face", "--box", *options], check=True, capture_output=True, text=True)
    return folder, box.stdout.strip()


def add_reference(clip, folder):
    with open(clip[0] / "truth.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    text = "t,bpm\n" + "".join(f"{r['t']},{r['hr_bpm']}\n" for r in rows)
    (folder / "reference.csv").write_text(text)


@pytest.mark.parametrize("program, options", [("hr_video", []), ("webcam", ["--file"])])
def test_round_trip(programs, clip, tmp_path, capsys, program, options):
    folder = tmp_path / "mine" / "one"
    folder.parent.mkdir()
    arguments = ["--json", "--face", clip[1], "--record", folder, *options, clip[0] / "clip.y4m"]
    subprocess.run([programs / program, *arguments], check=True, capture_output=True)
    assert main(["check", str(tmp_path / "mine")]) == 1, "there is no reference yet"
    assert "has no reference" in capsys.readouterr().out
    add_reference(clip, folder)
    assert main(["check", str(tmp_path / "mine")]) == 0
    assert "6 regions, reference bpm" in capsys.readouterr().out
    rows = list(evaluate.all_rows(data.recordings(tmp_path / "mine"), ["pos"], [10.0]))
    assert len(rows) >= 2 and all(abs(r.bpm - r.reference) < 1 for r in rows)


def test_video_of_the_recording_gives_the_same_colours(programs, clip, tmp_path):
    """What Python's reader takes from the clip with the recorded boxes is what hr_video wrote."""
    mine = tmp_path / "mine"
    mine.mkdir()
    arguments = ["--json", "--face", clip[1], "--record", mine / "trace", clip[0] / "clip.y4m"]
    subprocess.run([programs / "hr_video", *arguments], check=True, capture_output=True)
    (mine / "video").mkdir()
    shutil.copy(mine / "trace" / "faces.csv", mine / "video")
    shutil.copy(clip[0] / "clip.y4m", mine / "video" / "video.y4m")
    for name in ("trace", "video"):
        add_reference(clip, mine / name)
    trace, video = data.recordings(mine)
    np.testing.assert_allclose(video.rgb, trace.rgb, atol=1e-4)
    np.testing.assert_array_equal(video.t_s, trace.t_s)
