"""A torch.nn.Sequential of one's own as a model of rppg_nn.h, or as a C array."""
import importlib.util
import pathlib

from . import core, nn
from .blob import BlobError

TASKS = {"none": 0, "classes": 1, "wave": 2, "slope": 3, "rate": 4}  # rppg_nn_task
SOURCES = {"raw": 0, "signals": 1, "patches": 2}                     # rppg_nn_source
NORMS = {"none": 0, "unit": 1, "range": 2, "standard": 3, "diff": 4, "diff-standard": 5}  # rppg_nn_norm
TOLERANCE = 1e-4  # of the output's range, for f32 weights

ARRAY = """/* {source}, {size} bytes; made by: python -m rppg_tools pack --c {name}. Do not edit. */
#if defined(_MSC_VER)
__declspec(align(64))
#elif defined(__GNUC__) || defined(__TINYC__)
__attribute__((aligned(64)))
#endif
static const unsigned char {name}[{size}] = {{
{rows}
}};
"""


def as_c(data, name, source):
    if not (name.isascii() and name.isidentifier()):
        raise core.ToolError(f"--c {name}: not a name in C")
    rows = ",\n".join("  " + ", ".join(map(str, data[i:i + 20])) for i in range(0, len(data), 20))
    return ARRAY.format(source=source, size=len(data), name=name, rows=rows)


def need_torch():
    try:
        import torch
    except ImportError:
        raise core.ToolError("needs PyTorch: pip install 'rppg-tools[torch]'") from None
    return torch


def load_module(text):
    """FILE.py:NAME (a module, or what returns one when called), or a file of torch.save(module)."""
    torch = need_torch()
    path, _, name = text.partition(".py:")
    if name:
        path = pathlib.Path(path + ".py")
        if not path.is_file():
            raise core.ToolError(f"{path}: no such file")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        namespace = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(namespace)
        module = getattr(namespace, name, None)
        if module is None:
            raise core.ToolError(f"{path} has no '{name}'")
        if not isinstance(module, torch.nn.Module) or isinstance(module, type):
            module = module()
    else:
        if not pathlib.Path(text).is_file():
            raise core.ToolError(f"{text}: no such file, nor FILE.py:NAME")
        safe = [v for v in vars(torch.nn).values() if isinstance(v, type) and issubclass(v, torch.nn.Module)]
        try:
            with torch.serialization.safe_globals([*safe, set]):
                module = torch.load(text, map_location="cpu", weights_only=True)
        except Exception as error:
            raise core.ToolError(f"{text}: not a saved module of torch.nn's layers alone: {error}") from error
    if not isinstance(module, torch.nn.Module):
        raise core.ToolError(f"{text}: a {type(module).__name__}, not a module (convert takes checkpoints)")
    return module.eval()


def numbers(text, kind=int):
    try:
        return [kind(v) for v in text.split(",")]
    except ValueError:
        raise core.ToolError(f"'{text}': wanted numbers with commas between") from None


def add_spec(p):
    """Options for what a session must know of the model: rppg_nn_spec."""
    s = p.add_argument_group("what a session feeds it, and what comes out")
    s.add_argument("--task", choices=TASKS, help="of the output")
    s.add_argument("--source", choices=SOURCES, help="of the input")
    s.add_argument("--norm", choices=NORMS, help="of the input")
    s.add_argument("--frames", type=int, help="of one run")
    s.add_argument("--hop", type=int, help="new frames from run to run")
    s.add_argument("--fps", type=float)
    s.add_argument("--layout", type=int, help="rppg_layout, of signals")
    s.add_argument("--channels", type=int, help="signals in all, or of a patch")
    s.add_argument("--patch", metavar="W,H", help="pixels")
    s.add_argument("--margin", type=float, help="patches: the face box times this")
    s.add_argument("--bpm", metavar="FIRST,STEP", help="rate of class 0, and from class to class")
    s.add_argument("--classes", metavar="BPM,BPM...", help="rate of each class")
    s.add_argument("--camera", default="", help="that it was trained for")
    s.add_argument("--note", default="")


def put_spec(graph, args):
    for key in ("frames", "hop", "fps", "layout", "channels", "margin"):
        if getattr(args, key) is not None:
            graph.spec[key] = getattr(args, key)
    for key, table in (("task", TASKS), ("source", SOURCES), ("norm", NORMS)):
        if getattr(args, key):
            graph.spec[key] = table[getattr(args, key)]
    for text, kind, keys in ((args.patch, int, ("w", "h")), (args.bpm, float, ("bpm_first", "bpm_step"))):
        if text:
            values = numbers(text, kind)
            if len(values) != 2:
                raise core.ToolError(f"'{text}': wanted two numbers")
            graph.spec.update(zip(keys, values))
    if args.classes:
        graph.classes = numbers(args.classes, float)
    graph.camera, graph.note = args.camera or graph.camera, args.note or graph.note


def store(data, args, source):
    path = pathlib.Path(args.out)
    if args.c:
        path.write_text(as_c(data, args.c, source), encoding="utf-8")
    else:
        path.write_bytes(data)


def add_command(commands):
    p = commands.add_parser("pack", help="a torch.nn.Sequential as a model of rppg_nn.h", description=__doc__ + """
        The result is run by the C code and compared with PyTorch.""")
    p.add_argument("model", help="FILE.py:NAME, or a file of torch.save(module), or a .rppg file to write as C")
    p.add_argument("out", help="MODEL.rppg, or a C header with --c")
    p.add_argument("--input", metavar="C,H,W", help="sizes of the input as PyTorch has them, without the batch")
    p.add_argument("--weights", choices=("f32", "f16", "s8"), default="f32")
    p.add_argument("--c", metavar="NAME", help="write a C array of this name")
    add_spec(p)
    p.set_defaults(run=run)


def run(args):
    head, script, _ = args.model.partition(".py:")
    source = pathlib.Path(head).name + (".py" if script else "")
    if args.model.endswith(".rppg"):
        if not args.c:
            raise core.ToolError("a packed model: only to write it as C, with --c NAME")
        data = pathlib.Path(args.model).read_bytes()
        nn.Model(data)
        store(data, args, source)
        return 0
    if not args.input:
        raise core.ToolError("--input is needed: the sizes as PyTorch has them, without the batch")
    shape, module = numbers(args.input), load_module(args.model)
    from . import sequential
    graph = sequential.lower(module, shape)
    put_spec(graph, args)
    try:
        data = graph.pack(args.weights)
    except BlobError as error:
        raise core.ToolError(str(error)) from error
    model = nn.Model(data)
    error = sequential.parity(module, shape, graph, model)
    store(data, args, source)
    print(f"{args.out}: {len(data)} bytes, {int(model.n_layers)} layers, {int(model.macs)} multiply-adds, "
          f"{int(model.mem_size)} bytes of memory")
    print(f"largest difference from PyTorch: {error:.2g} of the output's range")
    if args.weights == "f32" and not error < TOLERANCE:
        raise core.ToolError(f"that is more than {TOLERANCE}: something is not as PyTorch has it")
    return 0
