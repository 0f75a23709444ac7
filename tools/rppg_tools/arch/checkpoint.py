"""Tensors of a checkpoint file into a network, checked by name and shape."""
import pathlib

import torch

from ..core import ToolError

SHOWN = 6  # names listed per kind of misfit
WRAPPERS = ("state_dict", "model_state_dict", "model", "net")


def tensors_of(source):
    """{name: tensor} of a .pth file or a dict, without a wrapper around the dict and DataParallel's `module.`"""
    if not isinstance(source, dict):
        path = pathlib.Path(source)
        if not path.is_file():
            raise ToolError(f"{path}: no such file")
        try:
            source = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            # PyTorch's own text goes over lines and recommends to let the file run code
            raise ToolError(f"{path}: not a checkpoint of tensors that can be read safely ({type(error).__name__})") from error
        if not isinstance(source, dict):
            raise ToolError(f"{path}: holds a {type(source).__name__}, not a dict of tensors")
    while True:
        inner = [source[k] for k in WRAPPERS if isinstance(source.get(k), dict)]
        if not inner and len(source) == 1:
            inner = [v for v in source.values() if isinstance(v, dict)]
        if not inner:
            break
        source = inner[0]
    found = {}
    for name, value in source.items():
        if isinstance(value, torch.Tensor):
            while name.startswith("module."):
                name = name[len("module."):]
            found[name] = value
    return found


def load(model, source):
    """Fills the model from a .pth file or a dict of tensors and returns it, in eval mode.

    Every tensor of the model must be there in its shape and none may be left over, except those whose names begin
    with one of the model's `optional` prefixes (parts that only training uses)."""
    found = tensors_of(source)
    wanted = {name: t for name, t in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    optional = tuple(getattr(model, "optional", ()))
    missing = [n for n in wanted if n not in found and not n.startswith(optional or ("\0",))]
    unknown = [n for n in found if n not in wanted and not n.endswith("num_batches_tracked")
               and not n.startswith(optional or ("\0",))]
    shapes = [f"{n} is {list(found[n].shape)}, wanted {list(t.shape)}" for n, t in wanted.items()
              if n in found and found[n].shape != t.shape]
    misfits = []
    for text, names in (("missing", missing), ("unknown", unknown), ("of another shape", shapes)):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            misfits.append(f"{text}: {', '.join(names[:SHOWN])}{more}")
    if misfits:
        fit = sum(n in found and found[n].shape == t.shape for n, t in wanted.items())
        raise ToolError(f"the checkpoint does not fit {type(model).__name__} ({fit} of {len(wanted)} tensors do); "
                        + "; ".join(misfits))
    model.load_state_dict({n: found[n].to(t.dtype) for n, t in wanted.items() if n in found}, strict=False)
    return model.eval()
