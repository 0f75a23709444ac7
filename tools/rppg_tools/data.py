"""Recordings with references, and which of them may be learned from.

A data folder holds any of finger-oximetry, finger-welltory, macaque, nuisance-faces and
vitallens-core. Splits, fixed here and nowhere else:

  finger-oximetry   subjects 1 to 3 train, 4 validation, 5 test
  finger-welltory   records 1 to 9 train, 10 and 11 validation, 12 to 14 test
  macaque           sessions 1, 4, 5, 7 train; 6, 9 (infrared) validation; 2, 2 (infrared), 3, 8,
                    10 (infrared) test: both files of session 2 are of one animal and hour
  nuisance-faces    a clip is a place and a video number, with all its regions; the remainder of
                    the number by 5: 0 validation, 1 and 4 test, else train
  vitallens-core    test: the rates are another model's, nothing is fitted to them
"""
import csv
import dataclasses
import json
import pathlib
import re
from typing import Callable, Optional

import numpy as np

from .core import ToolError

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass
class Recording:
    data_set: str
    name: str
    split: str
    t_s: np.ndarray                            # [n] from 0
    rgb: np.ndarray                            # [n][regions][3]
    reference: Optional[Callable]              # (start, end) -> bpm or nan; None: there is no pulse
    methods: tuple = ("pos", "chrom", "green")
    step_s: float = 5.0
    bpm: tuple = (0.0, 0.0)                    # band of the session; zeros: its default
    decoy: Optional[Callable] = None           # rate of what beats there and is no pulse
    subject: Optional[str] = None              # who it is and which camera saw it, where one's own recording says so
    camera: Optional[str] = None


# ---- finger-oximetry ------------------------------------------------------------------------------

LATE_S = 11.0  # the oximeter averages, and shows its rate this much later
OXIMETRY = {1: "train", 2: "train", 3: "train", 4: "validation", 5: "test"}


def mean_reading(pulse, late_s=LATE_S):
    """Mean of 1 Hz readings over the window, late_s later; at least two thirds of them are there."""
    def reference(start, end):
        window = pulse[max(0, round(start + late_s)):round(end + late_s)]
        window = window[window > 0]
        return float(window.mean()) if len(window) >= (end - start) * 2 / 3 else np.nan
    return reference


def point_reading(pulse, late_s=LATE_S):
    """The one reading late_s after the window's end."""
    def reference(start, end):
        at = round(end + late_s)
        return float(pulse[at]) if at < len(pulse) and pulse[at] > 0 else np.nan
    return reference


def oximetry_pulse(folder, subject):
    with open(folder / f"10000{subject}_gt.csv", encoding="utf-8-sig", newline="") as f:
        return np.array([float(row["Pulse 5"] or 0) for row in csv.DictReader(f)])


def oximetry(folder, read_reference=mean_reading):
    for subject, split in OXIMETRY.items():
        for path in sorted(folder.glob(f"10000{subject}_[LR]*.csv")):
            rgb = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
            yield Recording("finger-oximetry", path.stem, split, np.arange(len(rgb)) / 30.0, rgb[:, None, :],
                            read_reference(oximetry_pulse(folder, subject)), ("contact", "green"), 7.5)


# ---- finger-welltory ------------------------------------------------------------------------------

START_S = -2.0  # of the strap's first interval, against the camera's first frame: where the mean error
                # on records 1 to 9 is least (1.58 bpm; 1.97 with 0, 15 s windows, contact)


def mean_interval(rr_s, start_s=START_S):
    """60 over the mean of the RR intervals that end in the window; at least 5 of them."""
    beats = start_s + np.cumsum(rr_s)

    def reference(start, end):
        inside = rr_s[(beats >= start) & (beats <= end)]
        return float(60.0 / inside.mean()) if len(inside) >= 5 else np.nan
    return reference


def welltory_split(record):
    return "train" if record <= 9 else "validation" if record <= 11 else "test"


def welltory(folder, start_s=START_S):
    for path in sorted(folder.glob("subject_*")):
        record = int(path.name[-2:])
        table = np.loadtxt(path / "PPG.csv", delimiter=",", skiprows=1, ndmin=2)
        rr_s = np.array((path / "RR.txt").read_text().split(), float) / 1000.0
        yield Recording("finger-welltory", path.name, welltory_split(record), table[:, 0] / 1000.0,
                        table[:, None, 1:4], mean_interval(rr_s, start_s), ("contact", "green"), 5.0)


# ---- macaque --------------------------------------------------------------------------------------

MACAQUE = {"Session1": (30, 8.5, "train"), "Session2": (30, 8.5, "test"), "Session2IR": (30, 8.5, "test"),
           "Session3": (50, 5, "test"), "Session4": (100, 5, "train"), "Session5": (50, 5, "train"),
           "Session6": (50, 5, "validation"), "Session7": (50, 5, "train"), "Session8": (50, 5, "test"),
           "Session9IR": (100, 5, "validation"), "Session10IR": (50, 5, "test")}
MACAQUE_LATE_S = 4.0  # their oximeter is late, too: the median error on the training sessions is least here (2.1
                      # bpm; 3.4 with 0)
MACAQUE_BPM = (85.0, 270.0)  # a rhesus monkey's heart; the references lie in 96 to 230


def mean_segment(bpm, length_s, late_s=MACAQUE_LATE_S):
    """Mean of the segments' rates late_s after the window, each by its share of it."""
    def reference(start, end):
        start, end = start + late_s, end + late_s
        if end > length_s * len(bpm) + 1e-9:
            return np.nan
        edges = np.arange(len(bpm) + 1) * length_s
        share = np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0, None)
        return float((share * bpm).sum() / share.sum())
    return reference


def macaque(folder):
    for name, (fps, length_s, split) in MACAQUE.items():
        path = folder / name
        if not path.is_dir():
            continue
        bpm = np.array((path / f"{name}_REF.csv").read_text().replace(",", " ").split(), float)
        files = sorted(path.glob(f"{name}*.bin"))
        rgb = np.stack([np.fromfile(f, "<f4").reshape(-1, 3) for f in files], axis=1)
        yield Recording("macaque", name, split, np.arange(len(rgb)) / fps, rgb, mean_segment(bpm, length_s),
                        ("green",) if name.endswith("IR") else ("pos", "pbv", "chrom", "green"), 5.0, MACAQUE_BPM)


# ---- nuisance-faces -------------------------------------------------------------------------------

def nuisance_split(video):
    return {0: "validation", 1: "test", 4: "test"}.get(video % 5, "train")


def nuisance(folder):
    clips = {}
    for path in sorted(folder.glob("*_video*_*.npy")):
        place, video = re.fullmatch(r"(.+)_video(\d+)_\w+", path.stem).groups()
        clips.setdefault((place, int(video)), []).append(path)
    for (place, video), paths in clips.items():
        regions = [np.load(path, allow_pickle=False) for path in paths]
        n = min(len(r) for r in regions)
        yield Recording("nuisance-faces", f"{place}_{video}", nuisance_split(video), np.arange(n) / 15.0,
                        np.stack([r[:n] for r in regions], axis=1), None)


# ---- vitallens-core -------------------------------------------------------------------------------

def vitallens(folder):
    for path in sorted(folder.glob("sample_video_*.json")):
        record = json.loads(path.read_text())
        wave = np.array(record["waveforms"]["ppg_waveform"]["data"], float)
        peaks = np.array(record["waveforms"]["ppg_waveform"]["peak_indices"], float) / record["fps"]

        def reference(start, end, peaks=peaks):
            inside = peaks[(peaks >= start) & (peaks <= end)]
            return float(60.0 / np.diff(inside).mean()) if len(inside) >= 5 else np.nan
        grey = 128.0 * (1.0 - 0.01 * wave)
        yield Recording("vitallens-core", path.stem, "test", np.arange(len(wave)) / record["fps"],
                        np.repeat(grey[:, None, None], 3, axis=2), reference, ("green",), 5.0)


# ---- a user's own ---------------------------------------------------------------------------------

def own(folder):
    """A folder a recording, as described in own.py; split by subject."""
    from .own import Trouble, folders, read, split_of
    found = []
    for path in folders(folder):
        try:
            found.append(read(path))
        except Trouble as trouble:
            raise ToolError(f"{path}: {trouble}") from trouble
    for r, split in zip(found, split_of(found)):
        yield Recording(folder.name, r.path.name, split, r.t_s - r.t_s[0], r.rgb, r.reference,
                        ("pos", "chrom", "green", "contact"), 5.0, subject=r.subject, camera=r.camera)


SETS = {"finger-oximetry": oximetry, "finger-welltory": welltory, "macaque": macaque,
        "nuisance-faces": nuisance, "vitallens-core": vitallens}


def recordings(folder, wanted=None, point=False):
    """Every recording of a data folder, or of a folder of one's own; wanted: names of data sets;
    point: finger-oximetry is compared with single readings."""
    folder = pathlib.Path(folder)
    found = [name for name in SETS if (folder / name).is_dir() and (not wanted or name in wanted)]
    for name in found:
        read = SETS[name]
        yield from read(folder / name, point_reading) if point and read is oximetry else read(folder / name)
    if not found:
        mine = list(own(folder)) if folder.is_dir() else []
        if not mine:
            raise ToolError(f"{folder}: neither {', '.join(SETS)} nor recordings of one's own (see: check --help)")
        yield from mine
