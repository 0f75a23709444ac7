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

    def features(self, x):
        """The maps behind each but the first of its resolutions: [N, C, T, H / 2, W / 2], [N, C, T / 2, H / 4, W / 4],
        [N, C, T / 4, H / 8, W / 8] and [N, C, T / 4, H / 16, W / 16]."""
        maps = []
        for k in range(1, 10):
            x = getattr(self, f"ConvBlock{k}")(x)
            if k in POOLS:
                maps.append(x)
                x = nn.functional.max_pool3d(x, POOLS[k])
        return [*maps[1:], x]

    def head(self, maps):
        """The wave from the last maps."""
        x = self.upsample2(self.upsample(maps))
        return self.ConvBlock10(x.mean((3, 4), keepdim=True)).flatten(1)

    def forward(self, x):
        return self.head(self.features(x)[-1])

    def lower(self, g, x):
        """x [T][H][W][3]"""
        for k in range(1, 10):
            x = emit(g, x, getattr(self, f"ConvBlock{k}"))
            if k in POOLS:
                x = g.pool(x, "max", POOLS[k])
        x = emit(g, emit(g, x, self.upsample), self.upsample2)
        return rows(g, emit(g, g.reduce(x, "mean", (1, 2)), self.ConvBlock10))
