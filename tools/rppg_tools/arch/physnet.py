"""PhysNet (Yu, Li and Zhao 2019), the encoder-decoder with max pooling. Tensor names as in rPPG-Toolbox."""
from torch import nn

from .blocks import conv_bn
from .lowering import emit, rows
from .spec import Spec

HALVE_SPACE, HALVE_BOTH = (1, 2, 2), (2, 2, 2)
POOLS = {1: HALVE_SPACE, 3: HALVE_BOTH, 5: HALVE_BOTH, 7: HALVE_SPACE}  # pooling behind a block


class PhysNet(nn.Module):
    """x [N, 3, T, H, W], difference-normalised; T a multiple of 4. Out [N, T], the (differenced) pulse wave.
    width: channels of most blocks; the published network has 64."""
    spec = Spec("slope", "diff", 128, multiple=4)

    def __init__(self, width=64):
        super().__init__()
        c_in = width // 4
        self.ConvBlock1 = conv_bn(3, c_in, (1, 5, 5), padding=(0, 2, 2))
        for k, c_out in enumerate([width // 2] + [width] * 7, 2):
            self.add_module(f"ConvBlock{k}", conv_bn(c_in, c_out, 3, padding=1))
            c_in = c_out
        for name in ("upsample", "upsample2"):
            self.add_module(name, nn.Sequential(
                nn.ConvTranspose3d(width, width, (4, 1, 1), (2, 1, 1), (1, 0, 0)), nn.BatchNorm3d(width), nn.ELU()))
        self.ConvBlock10 = nn.Conv3d(width, 1, 1)

    def encode(self, x):
        """[N, 64, T / 4, H / 16, W / 16]"""
        for k in range(1, 10):
            x = getattr(self, f"ConvBlock{k}")(x)
            if k in POOLS:
                x = nn.functional.max_pool3d(x, POOLS[k])
        return x

    def forward(self, x):
        x = self.upsample2(self.upsample(self.encode(x)))
        return self.ConvBlock10(x.mean((3, 4), keepdim=True)).flatten(1)

    def lower(self, g, x):
        """x [T][H][W][3]"""
        for k in range(1, 10):
            x = emit(g, x, getattr(self, f"ConvBlock{k}"))
            if k in POOLS:
                x = g.pool(x, "max", POOLS[k])
        x = emit(g, emit(g, x, self.upsample), self.upsample2)
        return rows(g, emit(g, g.reduce(x, "mean", (1, 2)), self.ConvBlock10))
