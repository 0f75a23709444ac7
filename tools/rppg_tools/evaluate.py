"""evaluate: error tables of the shipped C code on recordings."""
import collections
import csv
import io
import pathlib

import numpy as np

from . import blob, core, data, nn, scene
from .pack import SOURCES

WINDOWS_S = (10.0, 15.0)

Row = collections.namedtuple("Row", "data_set recording split method window_s start end reference pulse "
                                    "bpm raw tracked confidence snr_db flags decoy evidence fft fft_confidence model sharp by_model",
                             defaults=(np.nan,) * 5)


def one_channel(spec):
    """Whether a model's signals are one of each region: six are those of six regions, not the colours of two."""
    return spec["channels"] < 9


class Model:
    """A blob of a model of colour signals; of several regions where it wants them."""

    def __init__(self, packed):
        nn.Model(packed)  # says what is wrong with it
        spec = blob.read(packed).spec
        if spec.get("source") != SOURCES["signals"]:
            raise core.ToolError("not a model of colour signals: it cannot be shown recordings of colours")
        self.blob, self.regions = packed, spec["channels"] if one_channel(spec) else spec["channels"] // 3

    def view(self, rgb):
        """Colours [n][regions][3] of a recording, in as many regions as the model wants: they are taken in turn."""
        return rgb[:, np.arange(self.regions) % rgb.shape[1]]


def model_of(path):
    try:
        return Model(path.read_bytes())
    except (OSError, core.ToolError) as error:
        raise core.ToolError(f"{path}: {error}") from error


def rows_of(recording, method, window_s, model=None):
    """A Row for each window that has a reference, or that is known to show no pulse. With a model the rates are those of a
    session that has it, and fft those of one that has none."""
    pulse = recording.reference is not None
    how = (method, window_s, recording.step_s, recording.bpm)
    alone = {end: r for _, end, r in core.windows(recording.t_s, recording.rgb, *how)} if model else {}
    rgb = model.view(recording.rgb) if model else recording.rgb
    for start, end, r in core.windows(recording.t_s, rgb, *how, model=model and model.blob):
        reference = recording.reference(start, end) if pulse else np.nan
        if pulse and not reference > 0:
            continue
        f = dict(zip(core.RESULTS, r))
        yield Row(recording.data_set, recording.name, recording.split, method, window_s, start, end, reference,
                  pulse, f["hr_bpm"], f["raw_bpm"], f["tracked_bpm"], f["confidence"], f["snr_db"], int(f["flags"]),
                  recording.decoy(start, end) if recording.decoy else np.nan, tuple(r[len(core.RESULTS):]),
                  *side_by_side(f, alone.get(end)))


def side_by_side(with_model, without):
    """Of a Row: rate and confidence of the FFT alone, rate and sharpness of the model alone, whether its rate was taken."""
    if without is None:
        return (np.nan,) * 5
    f = dict(zip(core.RESULTS, without))
    return (f["hr_bpm"], f["confidence"], with_model["model_bpm"] or np.nan, with_model["model_share"], with_model["source"])


def simulated(cameras, splits, count, folder=None, seconds=60.0, seed=20261121):
    """count recordings of each camera and split, half of them with a head that moves. folder: of the recordings whose pulses
    and nuisance are used."""
    for split in splits:
        sources = scene.Sources(folder, split)
        for name in cameras:
            for k in range(count):
                rng = np.random.default_rng([seed, data.SPLITS.index(split), list(scene.CAMERAS).index(name), k])
                clip = scene.signals(rng, sources, scene.CAMERAS[name], seconds, motion=scene.SCENARIOS[k % 2])

                def reference(start, end, clip=clip):
                    return float(clip.bpm[(clip.t_s >= start) & (clip.t_s <= end)].mean())
                methods = ("green",) if scene.CAMERAS[name].grey else ("pos", "chrom", "green")
                yield data.Recording(f"simulated {name}", f"{clip.scenario}_{k}", split, clip.t_s, clip.rgb, reference, methods)


def all_rows(recordings, methods=None, windows_s=WINDOWS_S, splits=data.SPLITS, model=None):
    for recording in recordings:
        if recording.split in splits:
            for method in recording.methods:
                if not methods or method in methods:
                    for window_s in windows_s:
                        yield from rows_of(recording, method, window_s, model)


# ---- figures ----------------------------------------------------------------------------------------

def column(rows, name):
    return np.array([getattr(r, name) for r in rows], float)


def hit(rows, within=5.0):
    """Whether each rate lies within so many bpm of the truth; never where there is no pulse."""
    return np.array([r.pulse and abs(r.bpm - r.reference) <= within for r in rows], bool)


def calibration_error(confidence, is_hit, bins=10):
    """Expected calibration error [Naeini2015]: |share of hits - mean confidence| over bins of equal
    width, weighted by their counts."""
    at = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(sum(abs(is_hit[at == b].mean() - confidence[at == b].mean()) * (at == b).mean()
                     for b in range(bins) if (at == b).any()))


def risk_coverage(confidence, risk):
    """(coverage, mean risk of the most confident share): risk may be |error| or 1 - hit. Windows of
    one confidence enter together, each with their mean, so that their order does not matter."""
    order = np.argsort(-confidence, kind="stable")
    c, r = confidence[order], np.asarray(risk, float)[order]
    for value in np.unique(c):
        r[c == value] = r[c == value].mean()
    n = np.arange(1, len(c) + 1)
    return n / len(c), np.cumsum(r) / n


def area(confidence, risk):
    """Area under the risk-coverage curve [Geifman2017]: the mean of its steps."""
    return float(risk_coverage(confidence, risk)[1].mean())


TOGETHER = "all of these"
FIELDS = ("data_set", "split", "method", "window_s", "n", "mae", "raw_mae", "rmse", "r", "median", "within_3", "within_5",
          "snr_db", "above_0.5", "sure_of_good", "below_0.3", "ece", "aurc")
TITLES = ("recordings", "split", "method", "window s", "n", "MAE", "MAE raw", "RMSE", "r", "median", "within 3 %",
          "within 5 %", "SNR dB", "conf. > 0.5 %", "... of within 3 %", "conf. < 0.3 %", "ECE", "AURC")


def figures(rows):
    """The figures of one group; those that do not exist (no pulse, one window) are None."""
    confidence, ok = column(rows, "confidence"), hit(rows)
    out = {"n": len(rows), "above_0.5": 100 * (confidence > 0.5).mean(), "below_0.3": 100 * (confidence < 0.3).mean(),
           "ece": calibration_error(confidence, ok), "snr_db": column(rows, "snr_db").mean()}
    rows = [r for r in rows if r.pulse]
    if rows:
        confidence, ok = column(rows, "confidence"), hit(rows)
        bpm, reference = column(rows, "bpm"), column(rows, "reference")
        error = np.abs(bpm - reference)
        good = error <= 3
        spread = bpm.std() * reference.std()
        out |= {"mae": error.mean(), "raw_mae": np.abs(column(rows, "raw") - reference).mean(), "rmse": np.sqrt((error ** 2).mean()), "median": np.median(error),
                "r": ((bpm - bpm.mean()) * (reference - reference.mean())).mean() / spread if spread > 0 else None,
                "within_3": 100 * good.mean(), "within_5": 100 * ok.mean(), "aurc": area(confidence, error),
                "sure_of_good": 100 * (confidence[good] > 0.5).mean() if good.any() else None}
    return out


SIDES = {"fft": ("fft", "fft_confidence"), "model": ("model", "sharp"), "together": ("bpm", "confidence")}
SIDE_FIELDS = ("data_set", "split", "method", "window_s", "n", *(f"{side}_{what}" for side in SIDES for what in (
    "mae", "within_3", "within_5", "coverage")), "by_model")
SIDE_TITLES = ("recordings", "split", "method", "window s", "n", *(f"{side} {what}" for side in ("FFT:", "model:", "session:") for what in (
    "MAE", "within 3 %", "within 5 %", "coverage %")), "by model %")
SIDE_NOTES = """\
n: windows with a pulse. FFT: a session without the model; model: its own rate; session: with the model. Coverage: of the FFT and
the session windows with a confidence above 0.5; of the model windows where more than half of its votes lie within 5 bpm. The
errors are those of all windows; of the model, of those in which it names a rate, and its shares count the others as misses.
By model: windows where the session's rate is the model's.
"""


def side_figures(rows):
    """FFT alone, model alone and the session with both, over the windows that have a pulse."""
    rows = [r for r in rows if r.pulse]
    out = {"n": len(rows), "by_model": 100 * column(rows, "by_model").mean() if rows else None}
    reference = column(rows, "reference")
    for side, (bpm, sure) in SIDES.items() if rows else ():
        error = np.abs(column(rows, bpm) - reference)
        out |= {f"{side}_mae": np.nanmean(error) if np.isfinite(error).any() else None, f"{side}_coverage":
                100 * (column(rows, sure) > 0.5).mean(), **{f"{side}_within_{d}": 100 * (error <= d).mean() for d in (3, 5)}}
    return out


def table(rows, figures=figures):
    """A dict of FIELDS for each data set, split, method and window, in the order of the rows' data sets;
    behind them, where there are several, all of them but vitallens-core together."""
    groups = collections.defaultdict(list)
    for row in rows:
        groups[row.data_set, row.split, row.method, row.window_s].append(row)
        if row.data_set != "vitallens-core":
            groups[TOGETHER, row.split, row.method, row.window_s].append(row)
    sets = [*dict.fromkeys(r.data_set for r in rows), TOGETHER]
    for group in [g for g in groups if g[0] == TOGETHER]:
        if len({r.data_set for r in groups[group]}) < 2:
            del groups[group]
    order = sorted(groups, key=lambda g: (sets.index(g[0]), core.METHODS[g[2]], g[3], data.SPLITS.index(g[1])))
    return [dict(zip(FIELDS, group)) | figures(groups[group]) for group in order]


SIDE_DIGITS = {"mae": 2, "within_3": 1, "within_5": 1, "coverage": 1}
DIGITS = {**{f"{side}_{what}": digits for side in SIDES for what, digits in SIDE_DIGITS.items()}, "by_model": 1, "window_s": 0, "n": 0, "mae": 2, "raw_mae": 2, "rmse": 2, "r": 3, "median": 2, "within_3": 1, "within_5": 1, "snr_db": 1,
          "above_0.5": 1, "sure_of_good": 1, "below_0.3": 1, "ece": 3, "aurc": 2}


def text_of(entry, field):
    value = entry.get(field)
    return "-" if value is None else f"{value:.{DIGITS[field]}f}" if field in DIGITS else str(value)


def as_markdown(entries, fields=FIELDS, titles=TITLES):
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(text_of(e, f) for f in fields) + " |" for e in entries]
    return "\n".join(lines) + "\n"


def as_csv(entries, fields=FIELDS):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows([["" if e.get(f) is None else text_of(e, f) for f in fields] for e in entries])
    return out.getvalue()


NOTES = """\
n: windows. Errors in bpm, of the windows with a pulse, for hr_bpm, raw also for raw_bpm, which forgets the windows before; ECE: expected calibration error of "within 5 bpm"; AURC: area under the risk-coverage
curve, risk = absolute error in bpm. No pulse survives in nuisance-faces, and vitallens-core's rates are
another model's. Confidence was fitted on train and chosen on validation.
"""


def into_readme(path, text, command="evaluate"):
    """Replaces what stands between the two marker comments of a command."""
    begin, end = (f"<!-- rppg_tools {command}: {side} -->" for side in ("begin", "end"))
    path = pathlib.Path(path)
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if old.count(begin) != 1 or old.count(end) != 1 or old.index(begin) > old.index(end):
        raise core.ToolError(f"{path}: needs one line '{begin}' and below it one '{end}'")
    head, rest = old.split(begin)
    path.write_text(f"{head}{begin}\n{text}{end}{rest.split(end)[1]}", encoding="utf-8")


def add_command(commands):
    p = commands.add_parser("evaluate", help="error tables, plots, the README's table", description=__doc__ + """
        The data folder and the splits are described at the top of rppg_tools/data.py; a folder of one's own
        is described by `check --help`.""")
    p.add_argument("data", type=pathlib.Path, nargs="?", help="folder of recordings")
    p.add_argument("--simulated", metavar="CAMERAS", help="not these recordings, but simulated ones of cameras of "
                   "rppg_tools/scene.py, comma between, with the pulses and the nuisance of the recordings, if given")
    p.add_argument("--clips", type=int, default=20, help="simulated: of each camera and split, a minute each (20)")
    p.add_argument("--sets", help="data sets, comma between; all that are there")
    p.add_argument("--methods", help=f"{','.join(core.METHODS)}; those that suit the data set")
    p.add_argument("--windows", default="10,15", help="seconds (10,15)")
    p.add_argument("--splits", default=",".join(data.SPLITS), help="train,validation,test; all")
    p.add_argument("--model", type=pathlib.Path, help="MODEL.rppg of colour signals: FFT alone, the model alone and the session "
                   "with both, side by side; a recording of fewer regions than it wants gives them in turn")
    p.add_argument("--csv", type=pathlib.Path, help="write the table here too")
    p.add_argument("--rows", type=pathlib.Path, help="write every window here, as CSV")
    p.add_argument("--readme", type=pathlib.Path, help="put the table of the test splits between its markers")
    p.add_argument("--plot", type=pathlib.Path, metavar="FOLDER", help="draw SVGs of the test splits there")
    p.add_argument("--point", action="store_true", help="finger-oximetry: one reading 11 s after the window's end, "
                   "not the mean over the window 11 s later")
    p.set_defaults(run=run)


def words(text, allowed, what):
    out = text.split(",") if text else []
    for word in out:
        if word not in allowed:
            raise core.ToolError(f"no {what} '{word}': one of {', '.join(allowed)}")
    return out


def run(args):
    methods, splits = words(args.methods, core.METHODS, "method"), words(args.splits, data.SPLITS, "split")
    sets = words(args.sets, data.SETS, "data set")
    try:
        windows_s = [float(w) for w in args.windows.split(",")]
    except ValueError as error:
        raise core.ToolError(f"--windows: {error}") from error
    model = model_of(args.model) if args.model else None
    if args.simulated:
        recordings = simulated(words(args.simulated, list(scene.CAMERAS), "camera"), splits or data.SPLITS, args.clips, args.data)
    elif args.data:
        recordings = data.recordings(args.data, sets, args.point)
    else:
        raise core.ToolError("of what? a folder of recordings, or --simulated")
    rows = list(all_rows(recordings, methods, windows_s, splits, model))
    if not rows:
        raise core.ToolError("no window to judge: no recording is long enough, or none is of that kind")
    entries = table(rows, side_figures if model else figures)
    fields, titles = (SIDE_FIELDS, SIDE_TITLES) if model else (FIELDS, TITLES)
    print(as_markdown(entries, fields, titles), end="")
    if args.csv:
        args.csv.write_text(as_csv(entries, fields), encoding="utf-8")
    if args.rows:
        with open(args.rows, "w", encoding="utf-8", newline="") as f:
            writer = csv.writer(f, lineterminator="\n")
            shown = [name for name in Row._fields if name not in ("decoy", "evidence") and (model or name not in Row._field_defaults)]
            writer.writerow(shown)
            writer.writerows([f"{x:.4f}" if isinstance(x, float) else x for x in (getattr(row, name) for name in shown)] for row in rows)
    if args.readme:
        into_readme(args.readme, as_markdown([e for e in entries if e["split"] == "test"], fields, titles) + "\n"
                    + (SIDE_NOTES if model else NOTES), "evaluate --model" if model else "evaluate")
    if args.plot:
        from . import plots
        plots.draw([r for r in rows if r.split == "test"], args.plot)
    return 0
