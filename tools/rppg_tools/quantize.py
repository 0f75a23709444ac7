"""Graphs of 32-bit floats to graphs of true 8 bits, after training: activations u7 with a scale and zero point from
calibration data, weights s8 per output channel. What has no form of 8 bits stays f32. A packed model will do: its weights can
be read back.

    small, report = quantize(graph, [(x0,), (x1,), ...], method="mse")
    small.write("model8.rppg")
"""
import copy
import dataclasses
import pathlib
import tempfile

import numpy as np

from . import blob, convert, core, evaluate, inputs, nn, pack, parity, scene

METHODS = ("max", "percentile", "mse")
TABLES = {"tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
          "relu6": lambda x: np.clip(x, 0, 6), "silu": lambda x: x / (1 + np.exp(-x)), "softplus": lambda x: np.logaddexp(0, x)}


def values(graph, tensors, data, most=14):
    """What the C code computes for these tensors of a graph, on every sample: {tensor: array}. A few at a time, as
    outputs of copies of the graph."""
    found = {}
    for i in range(0, len(tensors), most):
        part = tensors[i:i + most]
        both = copy.deepcopy((graph, part))
        g, shown = both
        n = len(g.outputs)
        for t in shown:
            if t.type == "u7":
                t = g.dequant(t)
            t.kind, t.offset = "output", len(g.outputs)
            g.outputs.append(t)
        model = nn.Model(g.pack())
        runs = []
        for x in data:
            model.reset()
            y = model(*x)
            runs.append((y if isinstance(y, list) else [y])[n:])
        found.update({t: np.stack([run[k] for run in runs]) for k, t in enumerate(part)})
    return found


def span(lo, hi):
    """Scale and zero point of u7 for numbers of lo..hi; zero is always among them, exactly."""
    lo, hi = min(float(lo), 0.0), max(float(hi), 0.0)
    scale = float(np.float32((hi - lo) / 127 or 1.0))
    return scale, int(np.clip(np.rint(-lo / scale), 0, 127))


def choose(x, method):
    """The span of samples x that loses least: all of them, all but one in a thousand, or the least squares."""
    x = np.asarray(x, np.float64).ravel()
    if x.size > 1 << 18:
        x = x[::-(-x.size >> 18)]
    lo, hi = x.min(), x.max()
    if method == "max":
        return lo, hi
    if method == "percentile":
        return np.percentile(x, 0.05), np.percentile(x, 99.95)

    def loss(part):
        scale, zero = span(lo * part, hi * part)
        return np.mean((x - (np.clip(np.rint(x / scale) + zero, 0, 127) - zero) * scale) ** 2)
    best = min(np.linspace(1, 0.3, 36), key=loss)
    return lo * best, hi * best


def capable(layer):
    """Whether the layer has a form of 8 bits."""
    if any(t.kind == "state" for t in (*layer.ins, *layer.out)):
        return False
    if layer.op == "conv":
        products = layer.weights[0].data[0].size + 3 * int(np.prod(layer.p[:3]))
        return products < 133000
    if layer.op == "act":
        return layer.act in TABLES
    if layer.op == "binary":
        return layer.p[0] == 0 and len(layer.ins) == 2 and layer.ins[0].shape == layer.ins[1].shape and layer.act == "linear"
    if layer.op == "pool":
        return layer.act == "linear"
    return layer.op in ("concat", "reshape")


def splits(layer):
    """Whether it is a convolution whose activation has no form of 8 bits: that becomes a layer of floats."""
    return layer.op == "conv" and layer.act not in ("linear", "relu") and layer.act not in TABLES


def plan(graph, keep):
    """The layers to make 8 bits: convolutions, and what lies between them. keep: names or numbers that stay f32."""
    chosen = {i for i, l in enumerate(graph.layers) if capable(l) and i not in keep and not (l.name and l.name in keep)}
    made = {t: i for i, l in enumerate(graph.layers) for t in l.out}
    while True:
        read = {t for i in chosen for t in graph.layers[i].ins}
        wrong = {i for i in chosen if graph.layers[i].op != "conv" and (
            graph.layers[i].out[0] not in read or graph.layers[i].out[0].kind == "output"
            or any(made.get(t) not in chosen for t in graph.layers[i].ins))}
        if not wrong:
            return chosen
        chosen -= wrong


@dataclasses.dataclass
class Ranges:
    """What becomes 8 bits in a graph, and with what numbers."""
    chosen: set    # numbers of layers
    read: set      # tensors that those layers read
    small: list    # tensors that become u7, in order
    before: dict   # of convolutions with a table: tensor -> what the table is of
    numbers: dict  # tensor -> scale, zero point
    seen: dict     # tensor -> what it was on each sample


def sums_before(graph, kept, data):
    """What the convolutions that make these tensors give before their activations, on every sample."""
    split, kept = copy.deepcopy((graph, kept))
    rows, sums = [], {}
    for l in split.layers:
        rows.append(l)
        if l.out[0] in kept:
            t = blob.Tensor(l.out[0].shape)
            rows.append(blob.Layer("act", [t], l.out, act=l.act))
            l.out, l.act = [t], "linear"
            sums[kept.index(rows[-1].out[0])] = t
    split.layers = rows
    split.fuse = lambda: None
    found = values(split, list(sums.values()), data)
    return [found[sums[k]] for k in range(len(kept))]


def measure(graph, data, method="mse", keep=()):
    """The Ranges of a fused graph on these samples."""
    if method not in METHODS:
        raise blob.BlobError(f"method {method}: one of {', '.join(METHODS)}")
    chosen = plan(graph, set(keep))
    layers = [graph.layers[i] for i in sorted(chosen)]
    read = {t for l in layers for t in l.ins}
    small = list({t: None for l in layers for t in (*l.ins, *l.out) if t in read})
    before = {l.out[0]: blob.Tensor(l.out[0].shape) for l in layers
              if l.op == "conv" and l.act in TABLES and l.out[0] in read and l.out[0].kind != "output"}
    seen = values(graph, [t for t in small if t.kind == "activation"], data)
    seen.update({t: np.stack([np.asarray(x[t.offset], np.float32).reshape(t.shape) for x in data]) for t in small if t.kind == "input"})
    if before:
        seen.update(zip(before.values(), sums_before(graph, list(before), data)))
    same = {t: t for t in small}  # tensors that must share their scale: the first of each set

    def root(t):
        while same[t] is not t:
            t = same[t]
        return t
    for l in layers:
        if l.op in ("concat", "reshape") or (l.op == "pool" and l.p[0] == 1):
            for t in l.ins:
                same[root(t)] = root(l.out[0])
    spans = {}
    for t in small:
        lo, hi = choose(seen[t], method)
        a, b = spans.get(root(t), (0.0, 0.0))
        spans[root(t)] = (min(a, lo), max(b, hi))
    numbers = {t: span(*spans[root(t)]) for t in small}
    numbers.update({t: span(*choose(seen[t], method)) for t in before.values()})
    return Ranges(chosen, read, small, before, numbers, seen)


def weight_steps(w):
    """Of s8 weights [Co]...: one step for each output channel."""
    step = np.abs(w).reshape(len(w), -1).max(axis=1) / 127
    step[step == 0] = 1
    return step.astype(np.float32)


def quantize(graph, data, method="mse", keep=()):
    """A new graph of 8 bits where that is possible, and a report: for each tensor of 8 bits its name, span and the ratio
    of signal to error in dB; data: tuples of inputs, as representative as can be had."""
    graph = copy.deepcopy(graph)
    graph.fuse()
    whole = copy.deepcopy(graph)
    ranges = measure(graph, data, method, keep)
    new, eight = rebuild(graph, ranges)
    return new, compare(whole, new, graph, [t for t in ranges.small if t in eight], eight, ranges.numbers, ranges.seen, data)


def rebuild(graph, ranges):
    """The graph of 8 bits, and its tensors by those of the graph; the graph is used up."""
    chosen, read, before, numbers = ranges.chosen, ranges.read, ranges.before, ranges.numbers
    new = blob.Graph()
    new.inputs, new.states, new.outputs = graph.inputs, graph.states, graph.outputs
    new.spec, new.camera, new.note, new.classes, new.adapter = graph.spec, graph.camera, graph.note, graph.classes, graph.adapter
    eight, floats = {}, {t for t in (*graph.inputs, *graph.states)}

    def as8(t):
        if t not in eight:
            eight[t] = new.quant(t, *numbers[t])
        return eight[t]

    def as32(t):
        if t not in floats:
            t.kind = "activation"
            new.layers.append(blob.Layer("dequant", [eight[t]], [t]))
            floats.add(t)
        return t
    for i, l in enumerate(graph.layers):
        if i not in chosen:
            l.ins = [as32(t) for t in l.ins]
            new.layers.append(l)
            floats.update(l.out)
            continue
        out = l.out[0]
        if l.op != "conv" or (out in read and out.kind != "output" and not splits(l)):
            eight[out] = blob.Tensor(out.shape, type="u7", scale=numbers[out][0], zero=numbers[out][1])
        if l.op == "act":
            scale, zero = numbers[out]
            eight[out] = new.lookup(as8(l.ins[0]), TABLES[l.act], scale, zero)
        elif l.op != "conv":
            new.layers.append(blob.Layer(l.op, [as8(t) for t in l.ins], [eight[out]], l.weights, l.p, l.f, l.act, l.flags, l.name))
        else:
            w = l.weights[0].data
            step = weight_steps(w)
            integers = np.clip(np.rint(w / step.reshape(-1, 1, 1, 1, 1)), -127, 127)
            weights = [blob.Tensor((1, 1, 1, 1), "weight", "s8", integers), l.weights[1] if len(l.weights) > 1 else None,
                       blob.Graph.weight(step)]
            to, act = eight.get(out, out), l.act
            if splits(l):
                to, act = blob.Tensor(out.shape), "linear"
            if out in before:
                to, act = blob.Tensor(out.shape, type="u7", scale=numbers[before[out]][0], zero=numbers[before[out]][1]), "linear"
            new.layers.append(blob.Layer("conv_s8", [as8(t) for t in l.ins], [to], weights, l.p, l.f, act, 0, l.name))
            if out in before:
                eight[out] = new.lookup(to, TABLES[l.act], *numbers[out])
            elif splits(l):
                new.layers.append(blob.Layer("act", [to], [out], act=l.act))
                floats.add(out)
            elif to is out:
                floats.add(out)
    return new, eight


def compare(whole, new, graph, small, eight, numbers, seen, data):
    """What each tensor of 8 bits, and each output, lost: (name, scale, zero point, dB)."""
    got = values(new, [eight[t] for t in small], data)
    names = {l.out[0]: l.name or f"{i} {l.op}" for i, l in enumerate(graph.layers)}

    def ratio(a, b):
        return float(10 * np.log10(max(np.mean(np.square(a, dtype=np.float64)), 1e-30) / max(np.mean(np.square(a - b, dtype=np.float64)), 1e-30)))
    rows = [(names.get(t, f"input {t.offset}"), *numbers[t], ratio(seen[t], got[eight[t]])) for t in small]
    for k, (a, b) in enumerate(zip(*(outputs(g, data) for g in (whole, new)))):
        rows.append((f"output {k}", 0.0, 0, ratio(a, b)))
    return rows


def outputs(graph, data):
    model = nn.Model(copy.deepcopy(graph).pack())
    runs = []
    for x in data:
        model.reset()
        y = model(*x)
        runs.append(y if isinstance(y, list) else [y])
    return [np.stack(y) for y in zip(*runs)]


# ---- the command -------------------------------------------------------------------------------------

FULL, HALF, EIGHT = "f32", "f16", "s8"
SECONDS = 0.5  # that a model is timed


@dataclasses.dataclass
class Version:
    """One way to store a model."""
    name: str
    packed: bytes
    lost_db: float  # ratio of output to error, on the test inputs


def graph_of(args):
    """Of a packed model, or of a checkpoint and --arch."""
    path = pathlib.Path(args.model)
    if path.suffix == ".rppg":
        try:
            packed = path.read_bytes()
            nn.Model(packed)
        except (OSError, core.ToolError) as error:
            raise core.ToolError(f"{path}: {error}") from error
        graph = blob.read(packed)
        if any(l.op == "conv_s8" for l in graph.layers):
            raise core.ToolError(f"{path} is of 8 bits already: give the model it was made of")
        return graph
    if not args.arch:
        raise core.ToolError(f"{path}: not a .rppg: which network is it? --arch NAME, as convert has it")
    arch = convert.architectures()
    return arch.graph(arch.load(arch.build(args.arch), convert.tensors_of(path)))


def eight_bits(graph, data, args, method, tuned):
    """The blob; where it is tuned, also what that brought."""
    figures = None
    if tuned:
        pack.need_torch()
        from . import fakequant
        with tempfile.TemporaryDirectory() as scratch:
            graph, figures = fakequant.tune(graph, data, method, args.keep, epochs=args.tune, steps=args.steps, seed=args.seed,
                                            rates=pack.numbers(args.rates, float), folder=args.folder or scratch)
    return quantize(graph, data, method, args.keep)[0].pack(), figures


def versions(graph, calibrating, judging, args):
    """The model as it is, and as it shall be stored; with --compare in every way."""
    def lost(packed):
        a, b = outputs(graph, judging.x)[0], np.stack([first(nn.Model(packed), x) for x in judging.x])
        return float(10 * np.log10(np.mean(a.astype(float) ** 2) / max(np.mean((a - b).astype(float) ** 2), 1e-30)))
    ways = [(HALF, None, False)] * (args.compare or args.type == HALF)
    if args.compare:
        ways += [(EIGHT, method, False) for method in METHODS]
    elif args.type == EIGHT:
        ways += [(EIGHT, args.calibrate, False)]
    if args.tune and (args.compare or args.type == EIGHT):
        ways += [(EIGHT, args.calibrate, True)]
    yield Version(FULL, copy.deepcopy(graph).pack(), np.inf)
    for kind, method, tuned in ways:
        if kind == HALF:
            packed, name = copy.deepcopy(graph).pack("f16"), HALF
        else:
            packed, figures = eight_bits(graph, calibrating.x, args, method, tuned)
            name = f"s8, {method}" + (", fine-tuned" if tuned else "")
            if figures:
                print(f"fine-tuning: loss {figures['before']:.4g} -> {min(figures['loss'], figures['before']):.4g} on held-out inputs, "
                      f"{figures['minutes']:.1f} minutes")
        yield Version(name, packed, lost(packed))


def first(model, x):
    y = model(*x)
    return y[0] if isinstance(y, list) else y


def errors(graph, packed, given):
    """|rate - truth| of each input whose rate is known."""
    model = nn.Model(packed)
    known = [(x, bpm) for x, bpm in zip(given.x, given.bpm) if np.isfinite(bpm)]
    error = np.abs([inputs.rate_of(graph, first(model, x)) - bpm for x, bpm in known])
    return error[np.isfinite(error)]


def table(graph, rows, given):
    """As Markdown."""
    lines = ["| stored as | bytes | of f32, % | microseconds | MAE, bpm | within 3 bpm, % | output to error, dB |", "|---|---|---|---|---|---|---|"]
    for v in rows:
        error = errors(graph, v.packed, given) if given.bpm is not None else np.array([])
        mae, within = (f"{error.mean():.2f}", f"{100 * (error <= 3).mean():.1f}") if error.size else ("-", "-")
        lines.append(f"| {v.name} | {len(v.packed)} | {100 * len(v.packed) / len(rows[0].packed):.1f} | "
                     f"{1e6 * parity.least_seconds(nn.Model(v.packed), SECONDS):.0f} | {mae} | {within} | "
                     f"{'-' if np.isinf(v.lost_db) else f'{v.lost_db:.1f}'} |")
    return "\n".join(lines) + f"\n\nOf the C code, n = {len(given.x)} test inputs; microseconds: the least of a run, one thread.\n"


def add_command(commands):
    p = commands.add_parser("quantize", help="a model of 8 bits, or of half floats", description=__doc__.split("\n\n")[0] + """
        Inputs to calibrate and to judge by: "simulated" (rppg_tools/scene.py), a folder of recordings (see evaluate), or FILE.npz
        with x [n][...] as the model is fed and, if the rate is to be judged, bpm [n]; four fifths of it calibrate.""")
    p.add_argument("model", help="MODEL.rppg of floats; or a checkpoint, with --arch")
    p.add_argument("out", nargs="?", type=pathlib.Path, help="OUT.rppg; without it the table alone is printed")
    p.add_argument("--type", choices=(EIGHT, HALF), default=EIGHT, help="s8: weights and activations of 8 bits (the default); f16: "
                   "weights alone are stored in half")
    p.add_argument("--calibrate", choices=METHODS, default="mse", help="spans of activations: all that was seen, all but one in a "
                   "thousand, or the least squares (mse)")
    p.add_argument("--data", default="simulated", help="simulated, a folder, or FILE.npz (simulated)")
    p.add_argument("--recordings", metavar="FOLDER", help="simulated: with the pulses and the nuisance of these recordings")
    p.add_argument("--cameras", default=",".join(scene.COLOUR), help="simulated: profiles, comma between")
    p.add_argument("--samples", type=int, default=256, help="inputs to calibrate by (256)")
    p.add_argument("--test", type=int, default=1024, help="inputs to judge by (1024)")
    p.add_argument("--keep", default="", help="names or numbers of layers that stay f32, comma between")
    p.add_argument("--tune", type=int, default=0, metavar="EPOCHS", help="fine-tune the weights while they are rounded: outputs "
                   "follow those of the model as it was, on the calibration inputs")
    p.add_argument("--steps", type=int, default=100, help="of an epoch of --tune (100)")
    p.add_argument("--rates", default="1e-6,5e-5", metavar="LOW,HIGH", help="of its 1cycle (1e-6,5e-5)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--folder", type=pathlib.Path, help="of the fine-tuning, so that it can be gone on with")
    p.add_argument("--arch", help="of a checkpoint")
    p.add_argument("--compare", action="store_true", help="a table of every way to store it")
    p.add_argument("--readme", type=pathlib.Path, help="put the table into this file, between its marks")
    p.set_defaults(run=run)


def run(args):
    for name in ("samples", "test", "steps"):
        if getattr(args, name) < 2:
            raise core.ToolError(f"--{name}: at least 2")
    args.keep = [int(k) if k.isdigit() else k for k in args.keep.split(",") if k]
    graph = graph_of(args)
    packed = copy.deepcopy(graph).pack()
    cameras = tuple(args.cameras.split(","))
    calibrating, judging = (inputs.read(args.data, graph, packed, split, n, args.recordings, cameras)
                            for split, n in (("train", args.samples), ("test", args.test)))
    try:
        rows = list(versions(graph, calibrating, judging, args))
        text = table(graph, rows, judging)
    except blob.BlobError as error:
        raise core.ToolError(str(error)) from error
    print(text, end="")
    if args.out:
        args.out.write_bytes(rows[-1].packed)
        print(f"{args.out}: {rows[-1].name}")
    if args.readme:
        evaluate.into_readme(args.readme, text, "quantize")
    return 0
