import numpy as np
import pytest

FPS, SECONDS = 30.0, 40


def colours(bpm, seconds=SECONDS, fps=FPS, depth=0.01, seed=1):
    """t [n], rgb [n][3] of a face whose pulse has this rate; bpm may be an array over t."""
    t = np.arange(int(seconds * fps)) / fps
    phase = np.cumsum(np.broadcast_to(bpm, t.shape)) / 60 / fps
    noise = np.random.default_rng(seed).normal(0, 0.1, (len(t), 3))
    pulse = np.sin(2 * np.pi * phase) + 0.3 * np.sin(4 * np.pi * phase)
    return t, np.array([170.0, 115.0, 90.0]) * (1 - depth * pulse[:, None] * [0.33, 0.77, 0.53]) + noise


def write(path, names, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, rows, delimiter=",", header=names, comments="", fmt="%.5f")


@pytest.fixture
def own(tmp_path):
    """Two recordings in a user's layout: readings, and beats with two regions."""
    folder = tmp_path / "mine"
    t, rgb = colours(72.0)
    write(folder / "a" / "trace.csv", "t,r,g,b", np.column_stack([t + 5, rgb]))
    write(folder / "a" / "reference.csv", "t,bpm", [(5 + k, 72.0) for k in range(SECONDS)])
    t, rgb = colours(90.0, seed=2)
    write(folder / "b" / "trace.csv", "t,r,g,b,r,g,b", np.column_stack([t, rgb, rgb * 0.8]))
    write(folder / "b" / "rr.csv", "t,rr", [(k / 1.5, 1 / 1.5) for k in range(1, 60)])
    return folder


@pytest.fixture
def sets(tmp_path):
    """A data folder with a small part of every data set, in its own layout."""
    def oximetry(subject, bpm):
        _, rgb = colours(bpm, seed=subject)
        write(tmp_path / "finger-oximetry" / f"10000{subject}_Left.csv", "R,G,B", rgb)
        write(tmp_path / "finger-oximetry" / f"10000{subject}_gt.csv", "Time,Pulse 5",
              [(k, bpm) for k in range(SECONDS)])
    for subject, bpm in ((1, 60.0), (4, 75.0), (5, 80.0)):
        oximetry(subject, bpm)
    for record in (9, 10, 12):
        folder = tmp_path / "finger-welltory" / f"subject_{record:02}"
        t, rgb = colours(70.0, seed=record)
        write(folder / "PPG.csv", "time,R,G,B", np.column_stack([t * 1000, rgb]))
        (folder / "RR.txt").write_text(" ".join(["857.14"] * 45))
    for name in ("Session1", "Session6", "Session3", "Session9IR"):
        fps = {"Session1": 30, "Session9IR": 100}.get(name, 50)
        t, rgb = colours(150.0, fps=fps, seed=4)
        folder = tmp_path / "macaque" / name
        folder.mkdir(parents=True)
        rgb.astype("<f4").tofile(folder / f"{name}.bin")
        (folder / f"{name}_REF.csv").write_text(",".join(["150"] * 8))
    (tmp_path / "nuisance-faces").mkdir()
    for video in (5, 6, 7, 11):
        for region in ("forehead", "leftcheek"):
            noise = np.random.default_rng(video).normal(120, 1, (15 * 40, 3))
            np.save(tmp_path / "nuisance-faces" / f"Far_Land_video{video}_{region}.npy", noise)
    return tmp_path
