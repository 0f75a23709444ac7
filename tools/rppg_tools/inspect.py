"""What is in a model of rppg_nn.h."""
import dataclasses
import pathlib
import struct

from . import core, nn
from .blob import ABSENT, Adapter, BYTES, KINDS, SPEC, SPEC_FLOATS, TYPES, up64
from .pack import NORMS, SOURCES, TASKS


@dataclasses.dataclass
class Record:
    kind: str
    type: str
    shape: tuple
    offset: int
    bytes: int


@dataclasses.dataclass
class Blob:
    """A blob that rppg_nn_open has accepted, decoded: no check is made here."""
    checksum: int
    arena: int
    state: int
    tensors: list
    layers: list   # (inputs, outputs, weights), numbers of tensors
    chunks: dict   # tag: bytes


def decode(data):
    words = struct.unpack("<13I", data[12:64])
    checksum, (n, at, n_layers, layers_at, size, chunks_at) = words[2], words[3:9]
    tensors, layers, chunks = [], [], {}
    for i in range(n):
        kind, type_, _, *rest = struct.unpack_from("<BBH7I", data, at + 48 * i)
        tensors.append(Record(KINDS[kind], list(TYPES)[type_], tuple(rest[:4]), rest[4], rest[5]))
    for i in range(n_layers):
        ids = struct.unpack_from("<10I", data, layers_at + 128 * i + 8)
        layers.append(tuple([k for k in part if k != ABSENT] for part in (ids[:4], ids[4:6], ids[6:])))
    end = chunks_at + size
    while end - chunks_at >= 8:
        tag, length = struct.unpack_from("<4sI", data, chunks_at)
        chunks[tag.decode("latin-1")] = data[chunks_at + 8:chunks_at + 8 + length]
        chunks_at += 8 + -(-length // 4) * 4
    return Blob(checksum, words[11], words[12], tensors, layers, chunks)


def lower_bound(blob):
    """The most bytes of activations that are needed at one time, wherever they lie."""
    born, last = {}, {}
    for i, (ins, outs, _) in enumerate(blob.layers):
        for t in ins:
            last[t] = i
        for t in outs:
            born.setdefault(t, i)
    most = 0
    for i in range(len(blob.layers)):
        alive = {}  # two at one place share it
        for t, b in born.items():
            record = blob.tensors[t]
            if record.kind == "activation" and b <= i <= last.get(t, b):
                alive[record.offset] = max(alive.get(record.offset, 0), up64(record.bytes))
        most = max(most, sum(alive.values()))
    return most


def name_of(table, number):
    return next((k for k, v in table.items() if v == number), str(number))


def spec_lines(blob):
    raw = blob.chunks.get("SPEC", b"").ljust(64, b"\0")[:64]
    spec = {k: struct.unpack_from("<f" if k in SPEC_FLOATS else "<I", raw, 4 * i)[0] for i, k in enumerate(SPEC)}
    for key, table in (("task", TASKS), ("source", SOURCES), ("norm", NORMS)):
        yield f"{key:11} {name_of(table, spec.pop(key))}"
    for key, value in spec.items():
        if value:
            yield f"{key:11} {value:g}"
    if "BPMS" in blob.chunks:
        rates = struct.unpack(f"<{len(blob.chunks['BPMS']) // 4}f", blob.chunks["BPMS"][:len(blob.chunks["BPMS"]) // 4 * 4])
        yield f"{'classes':11} {len(rates)}: " + ", ".join(f"{r:g}" for r in rates[:6]) + (", ..." if len(rates) > 6 else "")
    if "ADPT" in blob.chunks:
        adapter = Adapter.unpack(blob.chunks["ADPT"])
        head = (f"a head of {len(adapter.bias)} x {adapter.rise.shape[1]} taps" if len(adapter.bias) else
                f"a filter of {len(adapter.filter)} taps" if len(adapter.filter) else "no head")
        yield f"{'adapter':11} {adapter.size} numbers: {len(adapter.mix)} colour matrices, {len(adapter.gain)} gains and offsets, {head}"
    for tag, key in (("CAMR", "camera"), ("NOTE", "note")):
        if tag in blob.chunks:
            yield f"{key:11} {blob.chunks[tag].decode('utf-8', 'replace')}"


def table(blob, model):
    """op, name, sizes in and out, numbers and type of the weights, multiply-adds; a row per layer."""
    names = blob.chunks.get("NAME", b"").split(b"\0")
    for i, text in enumerate(model.layers()):
        op, sizes = text.split(" ", 1)
        x, y = ("x".join(part.split()) for part in sizes.split("->"))
        weights = [blob.tensors[k] for k in blob.layers[i][2]]
        name = names[i].decode("utf-8", "replace") if i < len(names) else ""
        yield (i, op, name, x, y, sum(w.bytes // BYTES[w.type] for w in weights), weights[0].type if weights else "",
               int(model.cost(i)[0]))


def add_command(commands):
    p = commands.add_parser("inspect", help="layers, sizes, work and memory of a model", description=__doc__)
    p.add_argument("model", type=pathlib.Path, help="MODEL.rppg")
    p.set_defaults(run=run)


def run(args):
    try:
        data = args.model.read_bytes()
    except OSError as error:
        raise core.ToolError(f"{args.model}: {error.strerror}") from error
    try:
        model = nn.Model(data)
    except core.ToolError as error:
        raise core.ToolError(f"{args.model}: {error}") from error
    blob = decode(data)
    rows = [("", "op", "name", "in", "out", "weights", "as", "multiply-adds"), *table(blob, model)]
    widths = [max(len(str(row[k])) for row in rows) for k in range(len(rows[0]))]
    costs = [model.cost(i) for i in range(int(model.n_layers))]
    print(f"{args.model}: {len(data)} bytes, checksum {blob.checksum:08x}")
    for line in spec_lines(blob):
        print(line)
    for what, shapes in (("input", model.inputs), ("output", model.outputs)):
        for i, shape in enumerate(shapes):
            print(f"{what + ' ' + str(i):11} " + "x".join(map(str, shape)))
    print()
    for row in rows:
        print("  ".join(str(v).rjust(w) if k in (0, 5, 7) else str(v).ljust(w) for k, (v, w) in enumerate(zip(row, widths))).rstrip())
    weights = [t for t in blob.tensors if t.kind == "weight"]
    print(f"\n{sum(t.bytes // BYTES[t.type] for t in weights)} weights in {sum(t.bytes for t in weights)} bytes, with the zeros of "
          f"whole blocks; {int(model.macs)} multiply-adds a run")
    print(f"memory: {int(model.mem_size)} bytes in all; arena {blob.arena} (at least {lower_bound(blob)}), scratch "
          f"{int(max(c[1] for c in costs))}, prepared weights {int(sum(c[2] for c in costs))}, state {blob.state}")
    return 0
