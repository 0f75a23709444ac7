"""Network architectures, in plain PyTorch: definitions of our own, written from the papers and checked against
reference implementations and public checkpoints. `build("PhysNet")` makes one, `load(model, "file.pth")` fills it,
`graph(model).write("file.rppg")` makes it a model of rppg_nn.h."""
from ..core import ToolError
from .attention import MTTSCAN, TSCAN, DeepPhys, EfficientPhys
from .bigsmall import BigSmall
from .checkpoint import load
from .colour import CE, CL, CLF, SE
from .facephys import FacePhys
from .factorizephys import FactorizePhys
from .ibvpnet import IBVPNet
from .lqrppg import LQRPPG
from .merppg import MERPPG
from .physformer import PhysFormer
from .physmamba import PhysMamba
from .physnet import PhysNet
from .rfacenet import RFaceNet
from .rhythmmamba import RhythmMamba
from .spec import graph
from .spectral import Spectral
from .student import Student

NETWORKS = {"SE": SE, "CE": CE, "CL": CL, "CL+F": CLF, "DeepPhys": DeepPhys, "TS-CAN": TSCAN, "MTTS-CAN": MTTSCAN,
            "EfficientPhys": EfficientPhys, "BigSmall": BigSmall, "PhysNet": PhysNet, "iBVPNet": IBVPNet,
            "FactorizePhys": FactorizePhys, "PhysFormer": PhysFormer, "PhysMamba": PhysMamba, "LQ-rPPG": LQRPPG,
            "RhythmMamba": RhythmMamba, "ME-rPPG": MERPPG, "FacePhys": FacePhys, "rFaceNet": RFaceNet, "student": Student,
            "spectral": Spectral}


def build(name, **options):
    """The network of this name, in whatever case, with random weights."""
    found = {known.lower(): network for known, network in NETWORKS.items()}.get(name.lower())
    if found is None:
        raise ToolError(f"no network '{name}'; there are {', '.join(NETWORKS)}")
    return found(**options)


def parameters(model):
    """How many trainable numbers it has."""
    return sum(p.numel() for p in model.parameters())
