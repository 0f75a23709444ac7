"""The label quantiser of LQ-rPPG: pulse waves as sequences of 2 to 32 levels. It is an autoencoder whose code is its
answer: the level that the codebook has for each frame is compared with the wave itself. Tensor names as in its
repository."""
import torch
from torch import nn
from torch.nn import functional as F

from .blocks import BiMamba

BITS = (1, 2, 3, 4, 5)
COMMITMENT, DECAY, EPSILON = 0.5, 0.99, 1e-5  # of the reference


class MambaBlock(nn.Module):
    """x [N, L, 1]. The layer norm of one number is its bias: what this adds depends on the place in time alone."""

    def __init__(self, states=48):
        super().__init__()
        self.x_norm = nn.LayerNorm(1)
        self.mamba = BiMamba(1, states)

    def forward(self, x):
        return x + self.mamba(self.x_norm(x))


class Encoder(nn.Module):
    """Waves [N, L], L <= frames, to one value a frame [N, L]."""

    def __init__(self, frames):
        super().__init__()
        layers = []
        for dilation in (1, 2, 4, 8, 16):
            layers += [nn.Conv1d(1, 1, 5, padding=2 * dilation, dilation=dilation), nn.GELU()]
        self.dilated_conv_block = nn.Sequential(*layers[:-1])
        self.mamba_encoder = nn.Sequential(MambaBlock())
        self.position_embedding = nn.Parameter(torch.zeros(1, frames, 1))

    def forward(self, wave):
        x = (wave[:, None] + self.dilated_conv_block(wave[:, None])).mT
        return self.mamba_encoder(x + self.position_embedding[:, :x.shape[1]]).squeeze(2)


class Levels(nn.Module):
    def __init__(self, levels):
        super().__init__()
        self.register_buffer("weight", levels[:, None])


class Quantiser(nn.Module):
    """Each value to the nearest level. In training the levels follow the values that choose them, by exponential means
    (van den Oord 2017, appendix A.1); no gradient goes to them, and those of the values pass straight through.

    The levels begin where they would cut standard normal values into equally many: no level is idle from the start."""

    def __init__(self, codes):
        super().__init__()
        levels = torch.special.ndtri((torch.arange(codes) + 0.5) / codes)
        self.embeddings = Levels(levels)
        self.register_buffer("ema_w", levels[:, None].clone())
        self.register_buffer("ema_cluster_size", torch.ones(codes))

    def forward(self, x):
        """x [N, L]: (levels [N, L], their numbers [N, L], commitment loss)"""
        levels = self.embeddings.weight.flatten()
        code = (x.detach().unsqueeze(-1) - levels).abs().argmin(-1)
        chosen = levels[code]
        commitment = COMMITMENT * F.mse_loss(x, chosen)
        if self.training:
            self.follow(x.detach().flatten(), code.flatten())
        return x + (chosen - x).detach(), code, commitment

    def follow(self, x, code):
        count = torch.bincount(code, minlength=len(self.ema_cluster_size)).to(x)
        total = torch.zeros_like(count).index_add_(0, code, x)
        self.ema_cluster_size.mul_(DECAY).add_(count, alpha=1 - DECAY)
        n = self.ema_cluster_size.sum()
        self.ema_cluster_size.add_(EPSILON).mul_(n / (n + len(count) * EPSILON))
        self.ema_w.mul_(DECAY).add_(total[:, None], alpha=1 - DECAY)
        self.embeddings.weight.copy_(self.ema_w / self.ema_cluster_size[:, None])


class LabelQuantiser(nn.Module):
    """Waves [N, L], each of mean 0 and deviation 1, to (levels [N, L], codes [N, L], commitment loss)."""

    def __init__(self, bits, frames=160):
        super().__init__()
        self.encoder, self.quantizer = Encoder(frames), Quantiser(2 ** bits)

    def forward(self, wave):
        return self.quantizer(self.encoder(wave))
