"""Random weights that depend on a tensor's name, shape and a seed only: two implementations with the same tensor
names get the same network."""
import zlib

import numpy as np
import torch


def fill(model, seed=0):
    """All parameters and buffers, batch norm's statistics too; deep nets keep values of order one. Returns the model
    in eval mode."""
    for name, tensor in model.state_dict().items():
        if tensor.dim() == 0:  # counters, constants
            continue
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        normal = rng.standard_normal(tuple(tensor.shape))
        if name.endswith(("running_var", ".rate")):
            value = rng.uniform(0.5, 1.5, tuple(tensor.shape))
        elif name.endswith("_log"):
            value = np.log(1 + rng.uniform(0, 15, tuple(tensor.shape)))
        elif tensor.dim() >= 2:
            value = normal * (2 / max(1, np.prod(tensor.shape[1:]))) ** 0.5
            if type(model).__name__ == "FacePhys" and ".in_proj" in name and tensor.shape[0] > 32:
                value *= 0.1  # its steps are exponentials, which would leave float32's range
        elif name.endswith("weight") or name.endswith((".D", ".D_b")):
            value = 1 + 0.2 * normal
        else:
            value = 0.2 * normal
        tensor.copy_(torch.from_numpy(value))
    return model.eval()


def noise(*shape, seed=1):
    """Standard normal numbers."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).float()
