"""Cards of models: of what data each was made, by what command, and how well it does. models/cards/NAME.json is the card of
models/NAME.rppg; models/README.md is made of them."""
import json
import pathlib
import platform
import struct

from . import core

FIELDS = {  # what must be there, and of what kind
    "summary": str,     # one sentence: what it reads, what it gives
    "arch": str,        # network, as convert --arch has it
    "data": str,        # recordings, simulated clips
    "split": str,       # of which subjects and clips are train, validation and test
    "n": dict,          # {"train": , "validation": , "test": } fragments or clips
    "seed": int,
    "command": str,     # that makes the blob again
    "metrics": dict,    # {"what on which split": number}: of the C code
    "minutes": (int, float),  # that the training took
    "machine": str,     # on which
    "limits": list,     # sentences: where it must not be used
}
HEAD = """\
# Models

Made by `python -m rppg_tools cards models` from models/cards; do not edit. Figures are those of the C code.
"""


def machine():
    """Of /proc/cpuinfo, where there is one."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def checksum(blob):
    """As `inspect` prints it: the CRC-32 in the blob's header, which rppg_nn_open checks."""
    if len(blob) < 64 or blob[:8] != b"RPPGNN\x1a\n":
        raise core.ToolError("not a model of rppg")
    return f"{struct.unpack_from('<I', blob, 20)[0]:08x}"


def blob_of(path):
    """models/cards/NAME.json -> models/NAME.rppg"""
    path = pathlib.Path(path)
    return path.parent.parent / f"{path.stem}.rppg"


def check(path, card):
    """One clear line where a field lacks, is of another kind, or is empty."""
    for name, kind in FIELDS.items():
        if name not in card:
            raise core.ToolError(f"{path}: '{name}' is not there; wanted {', '.join(FIELDS)}")
        value = card[name]
        if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, (str, dict, list)) and not value):
            raise core.ToolError(f"{path}: '{name}' is {value!r}")


def write(path, **fields):
    """The card at models/cards/NAME.json, of the blob that lies at models/NAME.rppg; its size and checksum are added. Other
    fields than FIELDS may be there, too."""
    path = pathlib.Path(path)
    check(path, fields)
    try:
        blob = blob_of(path).read_bytes()
    except OSError as error:
        raise core.ToolError(f"{blob_of(path)}: {error.strerror}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**fields, "bytes": len(blob), "checksum": checksum(blob)}, indent=2, ensure_ascii=False) + "\n",
                    encoding="utf-8")


def read(folder):
    """{name: card} of a folder of models; every blob has a card that fits, every card a blob."""
    folder = pathlib.Path(folder)
    blobs = {p.stem: p for p in sorted(folder.glob("*.rppg"))}
    paths = {p.stem: p for p in sorted((folder / "cards").glob("*.json"))}
    lacking = [f"{name}.rppg has no card" for name in blobs if name not in paths]
    lacking += [f"{name}.json has no model" for name in paths if name not in blobs]
    if lacking or not blobs:
        raise core.ToolError(f"{folder}: {'; '.join(lacking) or 'no models'}")
    cards = {}
    for name, path in paths.items():
        try:
            cards[name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise core.ToolError(f"{path}: {error}") from error
        check(path, cards[name])
        blob = blobs[name].read_bytes()
        if (cards[name].get("checksum"), cards[name].get("bytes")) != (checksum(blob), len(blob)):
            raise core.ToolError(f"{path}: of another blob than {blobs[name].name}: make the card anew")
    return cards


def number(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def page(cards):
    """models/README.md"""
    lines = [HEAD, "| model | network | KB | what it is |", "|---|---|---|---|"]
    lines += [f"| [{name}.rppg](#{name.lower()}) | {card['arch']} | {card['bytes'] / 1024:.0f} | {card['summary']} |"
              for name, card in cards.items()]
    for name, card in cards.items():
        lines += ["", f"## {name}", "", card["summary"], "", "| figure | |", "|---|---|"]
        lines += [f"| {what} | {number(value)} |" for what, value in card["metrics"].items()]
        lines += ["", f"- Data: {card['data']}", f"- Split: {card['split']}",
                  "- n: " + ", ".join(f"{what} {n}" for what, n in card["n"].items()),
                  f"- Made by `{card['command']}`, seed {card['seed']}, in {number(card['minutes'])} minutes on {card['machine']}",
                  f"- {card['bytes']} bytes, checksum {card['checksum']}"]
        lines += [f"- Limit: {limit}" for limit in card["limits"]]
    return "\n".join(lines) + "\n"


def add_command(commands):
    p = commands.add_parser("cards", help="models/README.md from the cards of the models", description=__doc__)
    p.add_argument("folder", type=pathlib.Path, help="folder of NAME.rppg and cards/NAME.json")
    p.set_defaults(run=run)


def run(args):
    cards = read(args.folder)
    (args.folder / "README.md").write_text(page(cards), encoding="utf-8")
    print(f"{args.folder / 'README.md'}: {len(cards)} models")
    return 0
