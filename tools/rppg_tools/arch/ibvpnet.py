"""iBVPNet (Joshi and Cho 2024). Tensor names as in rPPG-Toolbox."""
from torch import nn

from .blocks import Named, conv_tanh_norm
from .lowering import array, emit, pad_time, rows
from .spec import Spec


def block(c_in, c_out, kernel, padding):
    return Named("conv_block_3d", conv_tanh_norm(c_in, c_out, kernel, padding=padding))


class Widened(nn.Conv3d):
    """A convolution of single frames whose padding adds frames of zeros."""

    def lower(self, g, x):
        frames, *space = self.padding
        return g.conv(pad_time(g, x, frames), array(self.weight), array(self.bias), self.stride, (0, *space))


def up(c_in, c_out):
    """Doubles time, halves space. Both convolutions use one padding, (2, 1, 1), as in the reference: the first crops
    a pixel at each edge, the second adds two empty frames at each end."""
    padding = (2, 1, 1)
    return Named("deconv_block_3d", nn.Sequential(
        nn.ConvTranspose3d(c_in, c_in, (7, 1, 1), (2, 1, 1), padding), nn.Tanh(), nn.InstanceNorm3d(c_in),
        Widened(c_in, c_out, (1, 3, 3), (1, 2, 2), padding), nn.Tanh(), nn.InstanceNorm3d(c_out)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        space, both = ((1, 3, 3), (0, 1, 1)), ((3, 3, 3), 1)
        self.spatio_temporal_encoder = nn.Sequential(
            block(3, 8, *space), block(8, 16, *both), nn.MaxPool3d((1, 2, 2)),
            block(16, 24, *space), block(24, 40, *both), nn.MaxPool3d((1, 2, 2)),
            block(40, 64, *space), block(64, 64, *both))
        self.temporal_encoder = nn.Sequential(
            block(64, 64, (11, 1, 1), (5, 0, 0)), block(64, 64, (11, 3, 3), (5, 1, 1)), nn.MaxPool3d(2),
            block(64, 64, (11, 1, 1), (5, 0, 0)), block(64, 64, (11, 3, 3), (5, 1, 1)),
            nn.MaxPool3d(2, stride=(2, 1, 1)),
            block(64, 64, (7, 1, 1), (3, 0, 0)), block(64, 64, (7, 3, 3), (3, 1, 1)))

    def forward(self, x):
        return self.temporal_encoder(self.spatio_temporal_encoder(x))

    def lower(self, g, x):
        return emit(g, emit(g, x, self.spatio_temporal_encoder), self.temporal_encoder)


class IBVPNet(nn.Module):
    """x [N, 3, frames + 1, H, W], raw. Out [N, frames], the pulse wave."""
    spec = Spec("wave", "none", 160, extra=1)

    def __init__(self, frames=160):
        super().__init__()
        self.frames = frames
        self.norm = nn.InstanceNorm3d(3)
        self.ibvpnet = nn.Sequential(Encoder(), Named("decoder_block", nn.Sequential(up(64, 40), up(40, 24))),
                                     nn.AdaptiveMaxPool3d((frames, 1, 1)), nn.Conv3d(24, 1, 1))

    def forward(self, x):
        return self.ibvpnet(self.norm(x[:, :, 1:] - x[:, :, :-1])).flatten(1)

    def lower(self, g, x):
        """x [frames + 1][H][W][3]"""
        return rows(g, emit(g, emit(g, g.diff(x), self.norm), self.ibvpnet))
