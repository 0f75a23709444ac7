"""calibrate: fits the table of rppg.h that turns evidence into confidence.

Confidence = P(what beats there has this rate) * P(what beats is blood), each a logistic regression,
for each of three kinds of method, on the training splits and on traces that are rendered over training
clips: the first on all windows, where light and motion that beat count as found too, the second on the
windows in which the rate was found. A source of windows counts by its weight below, however many
windows it has, so that a long recording does not set the rate at which one guesses.

With --model: the table that weighs a model against the FFT. Three logistic regressions for each kind of method, from the
logits of the FFT's confidence and of the share of the model's votes: whether the FFT is right where they agree, and
whether the model is, and the FFT is, where they differ; on the training and validation splits of the recordings and on
simulated recordings of the validation split, since models are trained on the others.
"""
import pathlib
import re

import numpy as np

from . import core, data, evaluate, scene, synth

BEGIN, END = "/* rppg_tools calibrate: begin */", "/* rppg_tools calibrate: end */"
KINDS = (("pos", "chrom"), ("green",), ("contact",))
WEIGHTS = {"finger-oximetry": 1.0, "finger-welltory": 1.0, "macaque": 1.0, "nuisance-faces": 2.0, "synth-pulse": 2.0,
           "synth-noise": 1.0, "synth-no-finger": 1.5}
OTHER_WEIGHT = 0.4   # of each kind of trace without a pulse
BLOOD_WEIGHTS = {name: w for name, w in WEIGHTS.items() if name not in ("synth-noise", "synth-no-finger")}
PRIOR = 0.0002       # of the squared weights, against windows of total weight 1: keeps them small
FINGERS = ("finger-oximetry", "finger-welltory")  # GREEN is for faces: fingers do not say what colour blood has
COUNT, SEED = 360, 20240229
MODEL_BEGIN, MODEL_END = "/* rppg_tools calibrate --model: begin */", "/* rppg_tools calibrate --model: end */"
CLIPS = 24  # simulated, of each camera
MODEL_WEIGHTS = {"finger-oximetry": 3.0, "finger-welltory": 3.0, "nuisance-faces": 6.0}  # what is real counts more


def training_rows(folder, split="train", count=COUNT, seed=SEED):
    recordings = [r for r in data.recordings(folder) if r.split == split and r.data_set != "vitallens-core"]
    clips = [r for r in recordings if r.data_set == "nuisance-faces"]
    if clips:
        recordings += synth.faces(clips, split, count, seed)
        recordings += synth.no_finger(clips, split, count // 2, seed + 1)
    return list(evaluate.all_rows(recordings, splits=(split,)))


def weights_of(rows, weights=WEIGHTS):
    names = [r.data_set for r in rows]
    return np.array([weights.get(n, OTHER_WEIGHT) / names.count(n) for n in names])


def fit(x, y, weight, prior=PRIOR, steps=50):
    """Weights of the columns of x, the last one the constant's, by Newton's method."""
    x = np.column_stack([x, np.ones(len(x))])
    weight = weight / weight.sum()
    keep = np.append(np.full(x.shape[1] - 1, prior), 1e-6)
    w = np.zeros(x.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        gradient = x.T @ (weight * (p - y)) + keep * w
        curvature = (x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(keep)
        step = np.linalg.solve(curvature, gradient)
        w -= step
        if np.abs(step).max() < 1e-9:
            break
    return w


CLEAR = ((0, 1, 2, 3, 4, 7, 8, 9), (0, 1, 2, 4, 7, 8, 9), (0, 1, 2, 4, 7, 8))  # evidence that the first may use, by kind
BLOOD = ((5, 6), (5, 6), (5,))  # and the second: the colours of a finger hang on the lamp


def fit_columns(rows, columns, y, weights=WEIGHTS):
    """fit on some columns; zeros at the others."""
    x = np.array([r.evidence for r in rows])
    w = np.zeros(x.shape[1] + 1)
    w[[*columns, -1]] = fit(x[:, columns], y.astype(float), weights_of(rows, weights))
    return w


def fit_kinds(rows):
    """[kind][clear, blood] of weights"""
    out = []
    for methods, clear, blood in zip(KINDS, CLEAR, BLOOD):
        group = [r for r in rows if r.method in methods and any(r.evidence)]
        if not group:
            raise core.ToolError(f"no window of {' or '.join(methods)} to fit")
        found = evaluate.hit(group) | np.array([abs(r.bpm - r.decoy) <= 5 for r in group])
        beating = [r for r, f in zip(group, found) if f and (r.method == "contact" or r.data_set not in FINGERS)]
        out.append((fit_columns(group, clear, found),
                    fit_columns(beating, blood, np.array([r.pulse for r in beating]), BLOOD_WEIGHTS)))
    return out


def table_text(weights):
    """The table in C; four decimals, so that other linear algebra gives the same text."""
    def row(w):
        return "{ " + ", ".join(f"{x + 0.0:.4f}" for x in w) + " }"
    body = ",\n".join(f"  {{ {row(clear)},\n    {row(blood)} }}" for clear, blood in weights)
    return "static const double rppg__evidence_weight[3][2][RPPG__EVIDENCE + 1] = {\n" + body + "\n};\n"


def model_rows(folder, models, clips=CLIPS):
    """Windows of sessions with these models, in the band that a session has by default: in another one a model may not be
    heard."""
    for path in models:
        model = evaluate.model_of(path)
        recordings = [r for r in data.recordings(folder) if r.data_set != "vitallens-core" and r.bpm == (0.0, 0.0)]
        recordings += evaluate.simulated(scene.COLOUR, ("validation",), clips, folder)
        yield from evaluate.all_rows(recordings, splits=("train", "validation"), model=model)


def logit(p):
    p = np.clip(p, 0.001, 0.999)
    return np.log(p / (1 - p))


def fit_model(rows):
    """[kind][agree, model, fft] of weights"""
    rows = [r for r in rows if r.model > 0]
    out = []
    for methods in KINDS:
        group = [r for r in rows if r.method in methods]
        if not group:
            raise core.ToolError(f"no window of {' or '.join(methods)} to fit")
        fft, model, reference = (evaluate.column(group, name) for name in ("fft", "model", "reference"))
        x = np.column_stack([logit(evaluate.column(group, name)) for name in ("fft_confidence", "sharp")])
        agree = np.abs(fft - model) <= 5
        right = {"fft": np.abs(fft - reference) <= 5, "model": np.abs(model - reference) <= 5}  # False without a pulse
        out.append([fit(x[at], right[who][at].astype(float), weights_of([r for r, there in zip(group, at) if there], MODEL_WEIGHTS | {
            f"simulated {name}": 1.0 for name in scene.COLOUR})) for at, who in ((agree, "fft"), (~agree, "model"), (~agree, "fft"))])
    return out


def model_text(weights):
    """The same in C."""
    body = ",\n".join("  { " + ", ".join("{ " + ", ".join(f"{x + 0.0:.4f}" for x in w) + " }" for w in kind) + " }" for kind in weights)
    return "static const double rppg__model_weight[3][3][3] = {\n" + body + "\n};\n"


def into_header(path, text, begin=BEGIN, end=END):
    path = pathlib.Path(path)
    old = path.read_text(encoding="utf-8")
    if old.count(begin) != 1 or old.count(end) != 1:
        raise core.ToolError(f"{path}: the table's markers are not there")
    path.write_text(re.sub(re.escape(begin) + ".*" + re.escape(end), lambda _: f"{begin}\n{text}{end}", old,
                           flags=re.DOTALL), encoding="utf-8")


def add_command(commands):
    p = commands.add_parser("calibrate", help="refit the confidence, or the weight of models, and write it into rppg.h",
                            description=__doc__)
    p.add_argument("data", type=pathlib.Path, help="folder of recordings, see evaluate")
    p.add_argument("--model", type=pathlib.Path, action="append", metavar="F.rppg", help="weigh models against the FFT; repeatable")
    p.add_argument("--header", type=pathlib.Path, help="the rppg.h to change; the one that is compiled")
    p.add_argument("--dry", action="store_true", help="print the table and change nothing")
    p.set_defaults(run=run)


def run(args):
    if args.model:
        text, marks = model_text(fit_model(model_rows(args.data, args.model))), (MODEL_BEGIN, MODEL_END)
    else:
        text, marks = table_text(fit_kinds(training_rows(args.data))), (BEGIN, END)
    print(text, end="")
    if not args.dry:
        into_header(args.header or core.header_folder() / "rppg.h", text, *marks)
    return 0
