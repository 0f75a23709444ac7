"""check: what is wrong with a folder of your own recordings, in plain words.

A folder holds one folder a recording, and each of those

  trace.csv       t,r,g,b[,r,g,b...]: seconds, and the mean colours 0..255 of each region, a row a frame. Six regions
                  in the order of RPPG_LAYOUT_FACE6 suit every model on colour signals. `hr_video --record` and `webcam
                  --record` write it; or instead of it the video itself,
  video.y4m       8 bits, 4:2:0, 4:2:2, 4:4:4 or mono, or numbered images in frames/ (.ppm or .pgm; .png with
                  matplotlib installed), with
  faces.csv       t,x,y,w,h: seconds, and the box of the face in pixels, a row a frame;

and one reference, on the same clock, each with a line of names on top like the others:

  ppg.csv         t,ppg: a contact sensor's wave, at least 20 a second, either side up; or
  rr.csv          t,rr: when each beat came, and the seconds since the one before; or
  reference.csv   t,bpm: readings of a pulse meter, of which those in a window are averaged;

and, where it matters, about.json: {"subject": "anna", "camera": "door 2", "scenario": "still", "split": "train"}, all
of them optional, and so is the "start" that `webcam` writes there (UTC, when t was 0). Subjects are drawn into train,
validation and test (70, 10 and 20 % of them) by their names, so that nobody is on two sides; a recording that names a
split decides for its subject. Without a subject: test.
"""
import dataclasses
import hashlib
import json
import pathlib
import re
from typing import Optional

import numpy as np

from . import beats, core
from .core import ToolError

SPLITS = ("train", "validation", "test")
SEED = "rppg 20240521"           # of the draw of subjects
ABOUT = ("subject", "camera", "scenario", "split", "start")
REFERENCES = {"ppg.csv": "t,ppg", "rr.csv": "t,rr", "reference.csv": "t,bpm"}
LEAST_FPS, LEAST_S, GAP_S = 10.0, 10.0, 1.0  # a pulse of 4 Hz; the default window and max_gap_s of a session
LEAST_PPG_HZ = 20.0
BPM = (30.0, 250.0)
CLIPPED = 0.01                   # share of samples at either end of the range that is too much
COVERED = 0.9                    # share of the trace that the reference must cover


class Trouble(ToolError):
    """One recording cannot be read."""


@dataclasses.dataclass
class Own:
    """One recording as it was read. kind: "ppg", "rr" or "bpm"; given: rows of it, of a ppg those of its beats."""
    path: pathlib.Path
    t_s: np.ndarray                     # [n], the recording's own clock
    rgb: np.ndarray                     # [n][regions][3]
    kind: str
    given: np.ndarray                   # [k][2], t and rr or bpm
    subject: Optional[str] = None
    camera: Optional[str] = None
    scenario: Optional[str] = None
    split: Optional[str] = None         # as about.json says

    def reference(self, start, end):
        """Mean rate in bpm between two times after the first frame; nan without a reading."""
        at = self.given[:, 0] - self.t_s[0]
        inside = self.given[(at >= start) & (at <= end), 1]
        if len(inside) == 0:
            return np.nan
        return float(inside.mean() if self.kind == "bpm" else 60.0 / inside.mean())


# ---- reading --------------------------------------------------------------------------------------

def table(path):
    """The numbers of a CSV below its line of names."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"{path.name} cannot be read: {error}") from error
    rows = [(k, line.split(",")) for k, line in enumerate(lines[1:], 2) if line.strip()]
    if lines and re.fullmatch(r"[-+.,\d\seE]+", lines[0]):
        raise Trouble(f"{path.name}: line 1 holds numbers; it is for the names of the columns")
    if len(rows) < 2:
        raise Trouble(f"{path.name} has {len(rows)} rows below its line of names")
    for k, row in rows:
        if len(row) != len(rows[0][1]):
            raise Trouble(f"{path.name}: line {k} has {len(row)} columns, line {rows[0][0]} has {len(rows[0][1])}")
    out = np.empty((len(rows), len(rows[0][1])))
    for i, (k, row) in enumerate(rows):
        try:
            out[i] = row
        except ValueError as error:
            raise Trouble(f"{path.name}: line {k}: {error}") from error
    return out


def rising(path, t, values):
    """Ends with what is wrong with times or numbers that a reader cannot do without."""
    for k in np.flatnonzero(~np.isfinite(values).all(axis=1) | ~np.isfinite(t)):
        raise Trouble(f"{path.name}: line {k + 2} holds nan or inf: every value must be finite")
    for k in np.flatnonzero(np.diff(t) <= 0):
        raise Trouble(f"{path.name}: line {k + 3}: time {t[k + 1]:g} after {t[k]:g}: times must rise")


def read_trace(path):
    """(t, rgb [n][regions][3]) of trace.csv"""
    x = table(path)
    if x.shape[1] < 4 or x.shape[1] % 3 != 1:
        raise Trouble(f"{path.name} has {x.shape[1]} columns: it needs t,r,g,b[,r,g,b...], one and three a region")
    rising(path, x[:, 0], x)
    return x[:, 0], x[:, 1:].reshape(len(x), -1, 3)


def y4m_frames(path):
    """Each frame of a Y4M file as core.Session.push_frame takes it."""
    with open(path, "rb") as f:
        words = f.readline(512).split()
        if not words or words[0] != b"YUV4MPEG2":
            raise Trouble(f"{path.name}: not Y4M (make it with: ffmpeg -i CLIP -pix_fmt yuv420p video.y4m)")
        tags = {chr(w[0]): w[1:].decode("ascii", "replace") for w in words[1:] if w[:1] != b"X"}
        chroma = {"mono": "grey", "422": "422", "444": "444", "420": "420", "420jpeg": "420", "420mpeg2": "420",
                  "420paldv": "420"}.get(tags.get("C", "420"))
        if not chroma:
            raise Trouble(f"{path.name}: pixel format {tags['C']}; convert it: "
                          "ffmpeg -i CLIP -pix_fmt yuv420p video.y4m")
        try:
            w, h = int(tags["W"]), int(tags["H"])
        except (KeyError, ValueError) as error:
            raise Trouble(f"{path.name}: its first line names no width and height") from error
        if not (0 < w <= 16384 and 0 < h <= 16384):
            raise Trouble(f"{path.name}: frames of {w} x {h} pixels")
        c = {"grey": 0, "444": w * h, "422": (w + 1) // 2 * h, "420": (w + 1) // 2 * ((h + 1) // 2)}[chroma]
        while line := f.readline(256):
            pixels = f.read(w * h + 2 * c)
            if not line.startswith(b"FRAME") or len(pixels) != w * h + 2 * c:
                raise Trouble(f"{path.name} is damaged or cut off")
            yield chroma, b"XCOLORRANGE=FULL" in words, w, h, pixels


def netpbm(path):
    """A binary PPM or PGM of 8 bits as a frame."""
    data = path.read_bytes()
    found = re.match(rb"P([56])\s+(?:#.*\n\s*)*(\d+)\s+(\d+)\s+255\s", data)
    if not found:
        raise Trouble(f"frames/{path.name}: no binary PPM or PGM of 8 bits")
    w, h, grey = int(found[2]), int(found[3]), found[1] == b"5"
    pixels = data[found.end():]
    if len(pixels) < w * h * (1 if grey else 3):
        raise Trouble(f"frames/{path.name} is cut off")
    return "grey" if grey else "rgb", 1, w, h, pixels


def png(path):
    try:
        from matplotlib import image
    except ImportError as error:
        raise Trouble("frames/*.png need matplotlib (pip install matplotlib), or convert them to .ppm") from error
    try:
        x = image.imread(path)
    except (OSError, SyntaxError, ValueError) as error:
        raise Trouble(f"frames/{path.name}: {error}") from error
    x = np.round(255 * x).astype(np.uint8) if x.dtype != np.uint8 else x
    grey = x.ndim == 2
    pixels = np.ascontiguousarray(x if grey else x[:, :, :3]).tobytes()
    return "grey" if grey else "rgb", 1, x.shape[1], x.shape[0], pixels


def images(folder):
    """Numbered images in the order of their numbers."""
    found = [p for p in folder.iterdir() if p.suffix.lower() in (".ppm", ".pgm", ".png") and re.search(r"\d", p.stem)]
    if not found:
        raise Trouble("frames/ holds no numbered .ppm, .pgm or .png")
    for path in sorted(found, key=lambda p: int(re.findall(r"\d+", p.stem)[-1])):
        yield png(path) if path.suffix.lower() == ".png" else netpbm(path)


def read_video(folder):
    """(t, rgb [n][6][3]) of video.y4m or frames/ with faces.csv: what rppg.h sees in the six regions."""
    if not (folder / "faces.csv").exists():
        raise Trouble("has a video and no faces.csv (t,x,y,w,h, a row a frame)")
    boxes = table(folder / "faces.csv")
    if boxes.shape[1] != 5:
        raise Trouble(f"faces.csv has {boxes.shape[1]} columns: it needs t,x,y,w,h")
    rising(folder / "faces.csv", boxes[:, 0], boxes)
    frames = y4m_frames(folder / "video.y4m") if (folder / "video.y4m").exists() else images(folder / "frames")
    rgb, k = np.empty((len(boxes), 6, 3)), -1
    with core.Session("green", rois=None) as session:
        for k, frame in enumerate(frames):
            if k >= len(boxes):
                continue
            colours = session.push_frame(frame, np.round(boxes[k, 1:]), round(boxes[k, 0] * 1e6))
            if colours is None:
                raise Trouble(f"faces.csv: line {k + 2}: no face of {boxes[k, 3]:g} x {boxes[k, 4]:g} pixels at "
                              f"{boxes[k, 1]:g},{boxes[k, 2]:g} in a frame of {frame[2]} x {frame[3]}")
            rgb[k] = colours
    if k + 1 != len(boxes):
        raise Trouble(f"faces.csv has {len(boxes)} rows for {k + 1} frames")
    return boxes[:, 0], rgb


def read_reference(folder):
    """(kind, rows of t and rr or bpm)"""
    there = [name for name in REFERENCES if (folder / name).exists()]
    if not there:
        raise Trouble(f"has no reference: one of {', '.join(REFERENCES)}")
    x = table(folder / there[0])
    kind = REFERENCES[there[0]][2:]
    if x.shape[1] != 2:
        raise Trouble(f"{there[0]} has {x.shape[1]} columns: it needs two columns, {REFERENCES[there[0]]}")
    rising(folder / there[0], x[:, 0], x)
    return (kind, x) if kind != "ppg" else (kind, ppg_beats(x[:, 0], x[:, 1]))


def ppg_beats(t, ppg):
    """Rows (t, rr) of a contact wave's beats, laid on 100 Hz first; intervals that are no beat's are left out."""
    if np.ptp(ppg) == 0:
        raise Trouble("ppg.csv is flat: the sensor was off")
    rate = 1 / np.median(np.diff(t))
    if rate < LEAST_PPG_HZ:
        raise Trouble(f"ppg.csv has {rate:.3g} samples a second: it needs {LEAST_PPG_HZ:g} or more")
    hz = 100.0
    at = np.arange(t[0], t[-1], 1 / hz)
    wave = np.interp(at, t, ppg)
    starts = beats.beat_starts(wave - beats.smooth(wave, round(1.5 * hz)), hz) / hz + t[0]
    interval = np.diff(starts)
    good = beats.regular(interval) if len(interval) else np.zeros(0, bool)
    if good.sum() < 5:
        raise Trouble(f"ppg.csv shows no steady beats in its {t[-1] - t[0]:.3g} s")
    return np.column_stack([starts[1:], interval])[good]


def read_about(folder):
    path = folder / "about.json"
    if not path.exists():
        return {}
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Trouble(f"about.json is no JSON: {error}") from error
    if not isinstance(about, dict) or not all(isinstance(v, str) for v in about.values()):
        raise Trouble('about.json must be like {"subject": "anna", "camera": "door 2"}')
    for key in about:
        if key not in ABOUT:
            raise Trouble(f"about.json: unknown '{key}': only {', '.join(ABOUT)}")
    if about.get("split", "test") not in SPLITS:
        raise Trouble(f"about.json: no split '{about['split']}': one of {', '.join(SPLITS)}")
    return about


def about_of(folder):
    """Those parts of about.json that an Own has."""
    return {key: value for key, value in read_about(folder).items() if key != "start"}


def read(folder):
    """The Own of one folder; Trouble without its name where it cannot be."""
    if (folder / "trace.csv").exists():
        t, rgb = read_trace(folder / "trace.csv")
    elif (folder / "video.y4m").exists() or (folder / "frames").is_dir():
        t, rgb = read_video(folder)
    else:
        raise Trouble("has neither trace.csv nor video.y4m nor frames/")
    return Own(folder, t, rgb, *read_reference(folder), **about_of(folder))


def folders(folder):
    """Those in it that are meant as recordings."""
    marks = ("trace.csv", "video.y4m", "frames", "faces.csv", "about.json", *REFERENCES)
    return sorted(p for p in folder.iterdir() if p.is_dir() and any((p / m).exists() for m in marks))


# ---- splits ---------------------------------------------------------------------------------------

def splits(subjects):
    """{subject: split}: in the order of a hash of their names, a fifth to test, a tenth to validation, at least one to
    each where there are three, the rest to train."""
    order = sorted(set(subjects), key=lambda s: hashlib.sha256(f"{SEED} {s}".encode()).digest())
    n = len(order)
    test = max(1, round(0.2 * n)) if n > 1 else 0
    validation = max(1, round(0.1 * n)) if n > 2 else 0
    return {s: "test" if k < test else "validation" if k < test + validation else "train" for k, s in enumerate(order)}


def split_of(recordings):
    """The split of each: what about.json says of it or of another one of its subject, else as drawn."""
    said = {r.subject: r.split for r in recordings if r.subject is not None and r.split}
    drawn = splits(r.subject for r in recordings if r.subject is not None and r.subject not in said)
    return [r.split or said.get(r.subject) or drawn.get(r.subject, "test") for r in recordings]


# ---- what is wrong --------------------------------------------------------------------------------

def wrong_with_clock(t):
    interval = np.diff(t)
    if np.median(interval) > 5:
        yield f"times look like milliseconds: {np.median(interval):g} from frame to frame; seconds are wanted"
        return
    fps = 1 / np.median(interval)
    if fps < LEAST_FPS:
        yield f"{fps:.3g} frames a second are too few: {LEAST_FPS:g} or more"
    gaps = interval[interval > GAP_S]
    if len(gaps):
        k = int(np.argmax(interval))
        yield (f"{len(gaps)} gaps of more than {GAP_S:g} s, the longest {interval[k]:.3g} s at {t[k]:.6g}: "
               "cut it there into several")
    if t[-1] - t[0] < LEAST_S:
        yield f"{t[-1] - t[0]:.3g} s are too short: {LEAST_S:g} or more"


def wrong_with_colours(rgb):
    if rgb.min() < 0 or rgb.max() > 255:
        yield f"colours from {rgb.min():.4g} to {rgb.max():.4g}: 0 to 255 are wanted"
        return
    if rgb.max() <= 1:
        yield f"colours up to {rgb.max():.3g}: 0 to 255 are wanted, these look like 0 to 1"
        return
    for region in range(rgb.shape[1]):
        for c, name in enumerate("rgb"):
            x, where = rgb[:, region, c], f"region {region + 1}, {name}"
            if np.ptp(x) == 0:
                yield f"{where} is flat: always {x[0]:g}"
            elif (x >= 254).mean() > CLIPPED:
                yield f"{where} is clipped: {100 * (x >= 254).mean():.0f} % of it at 254 or more; less exposure"
            elif (x <= 1).mean() > CLIPPED:
                yield f"{where} is black: {100 * (x <= 1).mean():.0f} % of it at 1 or less; more light"


def wrong_with_reference(r):
    at, value = r.given[:, 0], r.given[:, 1]
    if r.kind == "rr" and np.median(value) > 10:
        yield f"rr.csv: intervals look like milliseconds ({np.median(value):g}); seconds are wanted"
        return
    bpm = value if r.kind == "bpm" else 60 / np.maximum(value, 1e-9)
    out = (bpm < BPM[0]) | (bpm > BPM[1])
    if out.any():
        k = int(np.argmax(out))
        yield (f"{out.sum()} of {len(out)} reference rates outside {BPM[0]:g} to {BPM[1]:g} bpm, "
               f"the first {bpm[k]:.4g} at {at[k]:.6g}")
    first = at[0] - (0 if r.kind == "bpm" else value[0])
    shared = min(at[-1], r.t_s[-1]) - max(first, r.t_s[0])
    span = r.t_s[-1] - r.t_s[0]
    clocks = f"trace {r.t_s[0]:.6g} to {r.t_s[-1]:.6g}, reference {first:.6g} to {at[-1]:.6g}"
    if shared <= 0:
        yield f"the clocks do not overlap: {clocks}"
    elif shared < COVERED * span:
        yield f"the reference covers {100 * shared / span:.0f} % of the trace: {clocks}"
    holes = np.diff(at)
    if len(holes) and holes.max() > 10:
        yield f"the reference has a hole of {holes.max():.3g} s at {at[int(np.argmax(holes))]:.6g}"


def problems(folder):
    """(name of a recording, what is wrong with it) of a whole folder, and the recordings that can be read."""
    found, good = [], []
    paths = folders(folder)
    if not paths:
        found.append((folder.name, "no recordings: one folder each, with trace.csv or a video, and a reference"))
    for path in paths:
        there = [name for name in REFERENCES if (path / name).exists()]
        if len(there) > 1:
            found.append((path.name, f"has {len(there)} references, {' and '.join(there)}: one, please"))
        try:
            r = read(path)
        except Trouble as trouble:
            found.append((path.name, str(trouble)))
            continue
        good.append(r)
        for wrong in (wrong_with_clock(r.t_s), wrong_with_colours(r.rgb), wrong_with_reference(r)):
            found += [(path.name, text) for text in wrong]
    sides = {}
    for r in good:
        if r.subject is not None and r.split:
            first = sides.setdefault(r.subject, r)
            if first.split != r.split:
                found.append((r.path.name, f"subject '{r.subject}' is in {r.split} here "
                                           f"and in {first.split} in {first.path.name}"))
    return found, good


# ---- command --------------------------------------------------------------------------------------

def add_command(commands):
    import argparse
    p = commands.add_parser("check", help="explain what is wrong with your own recordings", description=__doc__,
                            formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=pathlib.Path, metavar="FOLDER", help="folder of recordings")
    p.set_defaults(run=run)


def run(args):
    if not args.folder.is_dir():
        raise ToolError(f"{args.folder}: no such folder")
    found, good = problems(args.folder)
    for r, split in zip(good, split_of(good)):
        fps = 1 / np.median(np.diff(r.t_s))
        print(f"{r.path.name}: {r.t_s[-1] - r.t_s[0]:.1f} s, {fps:.3g} fps, {r.rgb.shape[1]} regions, "
              f"reference {r.kind}, {split}" + (f", subject {r.subject}" if r.subject else "")
              + (f", camera {r.camera}" if r.camera else ""))
    for name, text in found:
        print(f"WRONG  {name}: {text}")
    print(f"{len(good)} recordings read, {len(found)} things wrong" if found else
          f"{len(good)} recordings, nothing wrong")
    return 1 if found else 0
