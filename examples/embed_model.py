"""The model in embed_model.h: what a sample stands out above its two neighbours, zero where it does not. In the repository:

    PYTHONPATH=tools python -m rppg_tools pack examples/embed_model.py:net examples/embed_model.h --c embed_model \\
      --input 1,12 --weights f16
"""
import torch
from torch import nn

net = nn.Sequential(nn.Conv1d(1, 1, 3, padding=1, bias=False), nn.ReLU())
with torch.no_grad():
    net[0].weight.copy_(torch.tensor([[[-0.5, 1.0, -0.5]]]))
