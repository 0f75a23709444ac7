"""A checkpoint of a known architecture as a model of rppg_nn.h."""
import pathlib

import numpy as np

from . import core, nn, pack
from .blob import BlobError

TRIES = 2      # comparisons
STREAMED = 60  # frames of one, for a model with a state; moments that begin at zero magnify rounding
SETTLED = 20   # frames until they do not
# [T][H][W][C] as the networks may take it: frames as a batch, a clip, a sequence of frames
LAYOUTS = (lambda x: x.movedim(-1, 1), lambda x: x.movedim(-1, 0)[None], lambda x: x.movedim(-1, 1)[None])


def tensors_of(path):
    """What arch.load takes: a .pth file itself, or {name: tensor} of an .onnx or .npz file."""
    torch = pack.need_torch()
    path = pathlib.Path(path)
    if not path.is_file():
        raise core.ToolError(f"{path}: no such file")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: torch.from_numpy(np.array(arrays[name])) for name in arrays.files}
        if path.suffix == ".onnx":
            try:
                import onnx
            except ImportError:
                raise core.ToolError("an .onnx file needs onnx: pip install 'rppg-tools[torch]'") from None
            graph = onnx.load(str(path)).graph
            return {t.name: torch.from_numpy(np.array(onnx.numpy_helper.to_array(t))) for t in graph.initializer}
    except core.ToolError:
        raise
    except Exception as error:
        raise core.ToolError(f"{path}: cannot be read: {error}") from error
    return path


def architectures():
    pack.need_torch()
    try:
        from . import arch
    except ImportError as error:
        raise core.ToolError(f"the architectures are not there: {error}") from error
    return arch


def forward(network, given, layout):
    """What the network makes of it, in double; None where it does not take this layout."""
    import torch
    try:
        with torch.no_grad():
            out = network.double()(*(layout(torch.from_numpy(g).double()) for g in given))
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError):
        return None
    while isinstance(out, (tuple, list)) and out and not isinstance(out[0], torch.Tensor):
        out = out[0]
    if isinstance(out, torch.Tensor):
        out = (out,)
    return np.concatenate([o.numpy().ravel() for o in out if isinstance(o, torch.Tensor)])


def parity(network, graph, model, seed=1):
    """Largest difference between the network in double and the C code, over the range of the output; None where the
    network takes its input in no layout that is known here, or gives one number for everything."""
    random = np.random.default_rng(seed)
    worst = 0.0
    for _ in range(1 if model.state_size else TRIES):
        frames = STREAMED if model.state_size else 1
        given = [random.standard_normal((frames * t.shape[0], *t.shape[1:])).astype(np.float32) for t in graph.inputs]
        if model.state_size:
            given = [g * 0.1 + 0.5 for g in given]
            model.reset()
        runs = [model(*(np.split(g, frames)[i] for g in given)) for i in range(frames)]
        got = np.concatenate([np.ravel(y) for r in runs for y in (r if isinstance(r, list) else [r])])
        want = next((w for w in (forward(network, given, layout) for layout in LAYOUTS) if w is not None and w.size == got.size), None)
        if want is None or not np.ptp(want) and want.size > 1:
            return None
        if not np.isfinite(got).all():
            return float("inf")
        if model.state_size:
            got, want = (y[len(y) * SETTLED // STREAMED:] for y in (got, want))
        worst = max(worst, np.abs(got - want).max() / max(np.ptp(want), np.abs(want).max() * 1e-3, 1e-12))
    return float(worst)


def options_of(pairs):
    """NAME=VALUE of --option: numbers, true and false, or text."""
    out = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.isidentifier():
            raise core.ToolError(f"--option {pair}: wanted NAME=VALUE")
        for kind in (int, float):
            try:
                out[name] = kind(value)
                break
            except ValueError:
                out[name] = {"true": True, "false": False}.get(value.lower(), value)
    return out


def add_command(commands):
    p = commands.add_parser("convert", help="a checkpoint of a known architecture as a model of rppg_nn.h",
                            description=__doc__ + """ Names and shapes must fit; what does not is listed. The result is run
                            by the C code and compared with PyTorch.""")
    p.add_argument("--arch", required=True, metavar="NAME", help="the architecture; --arch list prints them")
    p.add_argument("checkpoint", nargs="?", help=".pth (tensors alone are read), .onnx or .npz")
    p.add_argument("out", nargs="?", help="MODEL.rppg, or a C header with --c")
    p.add_argument("--weights", choices=("f32", "f16", "s8"), default="f32")
    p.add_argument("--size", type=int, help="pixels of the input, where there is a choice")
    p.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the architecture; repeatable")
    p.add_argument("--c", metavar="NAME", help="write a C array of this name")
    pack.add_spec(p)
    p.set_defaults(run=run)


def run(args):
    arch = architectures()
    if args.arch == "list":
        print("\n".join(arch.NETWORKS))
        return 0
    if not args.checkpoint or not args.out:
        raise core.ToolError("wanted: convert --arch NAME CHECKPOINT OUT.rppg")
    try:
        network = arch.build(args.arch, **options_of(args.option))
    except TypeError as error:
        raise core.ToolError(f"--option: {error}") from error
    path = pathlib.Path(args.checkpoint)
    if path.suffix == ".onnx" and path.is_file() and hasattr(network, "load_onnx"):
        network = network.load_onnx(str(path)).eval()
    else:
        network = arch.load(network, tensors_of(path))
    if hasattr(network, "load_beside"):
        network.load_beside(path.parent)
    task = args.task if args.task in ("slope", "wave") else None
    graph = arch.graph(network, args.frames, args.size, args.fps, task)
    args.frames = None  # arch.graph has said it, with the frames of differences
    pack.put_spec(graph, args)
    try:
        data = graph.pack(args.weights)
    except BlobError as error:
        raise core.ToolError(str(error)) from error
    model = nn.Model(data)
    error = parity(network, graph, model)
    pack.store(data, args, path.name)
    print(f"{args.out}: {len(data)} bytes, {int(model.n_layers)} layers, {int(model.macs)} multiply-adds, "
          f"{int(model.mem_size)} bytes of memory")
    print("not compared with PyTorch: its input is laid out in a way not known here, or its output is constant" if error is None else
          f"largest difference from PyTorch: {error:.2g} of the output's range")
    return 0
