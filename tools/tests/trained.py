"""A tiny job of training, alone or under torchrun: trained.py FOLDER [STOP|step], killed in epoch STOP, or one step."""
import os
import pathlib
import sys

import numpy as np
import torch

from rppg_tools import training

EPOCHS, STEPS, LOW = 4, 5, 1e-3


class Network(torch.nn.Module):
    """Batch norm, dropout and two ways in: forward, and one that a loss of features would take."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.first = torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.ReLU(), torch.nn.BatchNorm1d(12), torch.nn.Dropout(0.2))
        self.last = torch.nn.Linear(12, 1)

    def features(self, x):
        return self.first(x)

    def forward(self, x):
        return self.last(self.features(x))


def truth(x):
    return np.tanh(x[:, :1] - 2 * x[:, 1:2]) + 0.3 * x[:, 2:3] * x[:, 3:4]


def batch(rng, epoch, step):
    x = rng.standard_normal((64, 6)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy(truth(x))


def loss(model, x, y):
    return torch.nn.functional.mse_loss(model.last(model.features(x)), y)


def validate(model):
    x, y = batch(np.random.default_rng(99), 0, 0)
    return {"mse": torch.nn.functional.mse_loss(model(x), y).item()}


def fit(folder, batch=batch, **options):
    model = Network()
    figures = training.fit(model, batch, loss, **{"epochs": EPOCHS, "steps": STEPS, "rates": (LOW, 3e-2), "seed": 7,
                                                  "validate": validate, "folder": folder, **options})
    return model, figures


def main(folder, what=""):
    def cut(rng, epoch, step):
        if str(epoch) == what and step == STEPS // 2:
            os._exit(9)
        return batch(rng, epoch, step)
    torch.set_num_threads(1)
    model, figures = fit(folder, cut, **({"epochs": 1, "steps": 1, "rates": (LOW, LOW)} if what == "step" else {}))
    torch.save({"model": model.state_dict(), "figures": figures}, folder / f"end{training.rank()}.pt")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
