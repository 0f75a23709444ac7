"""Writes arch.json: what the networks' reference implementations answer, on seeded weights and seeded input.

  python make_arch.py --toolbox DIR --lq DIR --mamba DIR [--checkpoints DIR]

DIRs are checkouts of ubicomplab/rPPG-Toolbox (d807b01), Anonymous-repo-code/LQ-rPPG (a9e78ae) and the mamba folder of
OpenGVLab/VideoMamba, whose two-way Mamba both use; checkpoints: LQ-rPPG's trained files, for one more entry.
Torch 2.13.0, einops 0.8.2, CPU, float32. Mamba's kernels exist for CUDA only: the repository's own plain PyTorch
selective_scan_ref and mamba_inner_ref stand in for them. timm, neurokit2 and the losses are imported by the
references, but what they give is an initialisation or unused."""
import argparse
import functools
import importlib
import json
import pathlib
import sys
import types

import torch
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]
from rppg_tools.arch.seeded import fill, noise  # noqa: E402
from cases import CASES  # noqa: E402

CODE_SEED, STAGES = 5, 4


def module(name, **items):
    """A stand-in module, and stand-ins for the packages above it."""
    made = types.ModuleType(name)
    made.__dict__.update(items)
    made.__path__ = []
    sys.modules[name] = made
    if "." in name and name.rpartition(".")[0] not in sys.modules:
        module(name.rpartition(".")[0])


def causal_conv1d_fn(x, weight, bias, activation=None):
    y = F.conv1d(x, weight.unsqueeze(1), bias, padding=weight.shape[1] - 1, groups=len(weight))[..., :x.shape[-1]]
    return F.silu(y) if activation else y


def stand_ins(mamba):
    module("timm.models.layers", trunc_normal_=torch.nn.init.trunc_normal_,
           lecun_normal_=torch.nn.init.kaiming_normal_, DropPath=torch.nn.Identity, to_2tuple=None)
    module("neurokit2")
    module("causal_conv1d", causal_conv1d_fn=causal_conv1d_fn, causal_conv1d_update=None)
    module("causal_conv1d_cuda")
    module("selective_scan_cuda")
    module("mamba_ssm")
    sys.modules["mamba_ssm"].__path__ = [str(mamba / "mamba_ssm")]
    ops = importlib.import_module("mamba_ssm.ops.selective_scan_interface")
    ops.selective_scan_fn = ops.selective_scan_ref

    def no_out_proj(xz, conv, conv_bias, x_proj, dt_proj, a, b, c, d, delta_bias, delta_softplus):
        same = torch.eye(xz.shape[1] // 2)
        return ops.mamba_inner_ref(xz, conv, conv_bias, x_proj, dt_proj, same, None, a, b, c, d, delta_bias).mT
    simple = importlib.import_module("mamba_ssm.modules.mamba_simple")
    simple.mamba_inner_fn_no_out_proj, simple.mamba_inner_fn = no_out_proj, ops.mamba_inner_ref
    sys.modules["mamba_ssm"].Mamba = simple.Mamba


def from_checkout(folder, name):
    """A module of one of the checkouts, both of which call their package neural_methods."""
    for loaded in [m for m in sys.modules if m.startswith("neural_methods")]:
        del sys.modules[loaded]
    loss = sys.modules["neural_methods.loss.NegPearsonLoss"] = types.ModuleType("NegPearsonLoss")
    loss.Neg_Pearson = torch.nn.Module
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


def references(toolbox, lq):
    """{case: reference model}, with the options of the case"""
    def of(name):
        return from_checkout(toolbox, "neural_methods.model." + name)
    fsam = {"MD_FSAM": True, "MD_TYPE": "NMF", "MD_TRANSFORM": "T_KAB", "MD_R": 1, "MD_S": 1, "MD_STEPS": 4,
            "MD_INFERENCE": True, "MD_RESIDUAL": True, "INV_T": 1, "ETA": 0.9, "RAND_INIT": True}
    former = of("PhysFormer").ViT_ST_ST_Compact3_TDC_gra_sharp(
        image_size=(8, 128, 128), patches=(4, 4, 4), dim=96, ff_dim=144, num_heads=4, num_layers=12, dropout_rate=0.1,
        theta=0.7)
    factorize = of("FactorizePhys.FactorizePhys").FactorizePhys
    can = of("TS_CAN")
    rhythm = from_checkout(lq, "neural_methods.model.RhythmMamba")
    rhythm.Mamba = functools.partial(rhythm.Mamba, bimamba=False)  # it is of the original Mamba, which has one way only
    return {
        "DeepPhys": of("DeepPhys").DeepPhys(img_size=36), "TS-CAN": can.TSCAN(frame_depth=4, img_size=36),
        "MTTS-CAN": can.MTTS_CAN(frame_depth=4), "EfficientPhys": of("EfficientPhys").EfficientPhys(
            frame_depth=4, img_size=36), "BigSmall": of("BigSmall").BigSmall(),
        "PhysNet": of("PhysNet").PhysNet_padding_Encoder_Decoder_MAX(frames=8), "iBVPNet": of("iBVPNet").iBVPNet(16),
        "FactorizePhys": factorize(8, dict(fsam, MD_FSAM=False, MD_INFERENCE=False), device="cpu"),
        "FactorizePhys FSAM": factorize(8, fsam, device="cpu"), "PhysFormer": former,
        "PhysMamba": of("PhysMamba").PhysMamba(frames=8),
        "LQ-rPPG": from_checkout(lq, "neural_methods.model.LQC2F").C2F_model(),
        "RhythmMamba": rhythm.RhythmMamba(depth=3)}


def codebooks(model):
    for k in range(1, STAGES + 1):
        setattr(model, f"codebook_{k}", noise(2 ** k, 1, seed=CODE_SEED + k))


@torch.no_grad()
def answer(name, model):
    inputs = CASES[name].inputs()
    if name == "BigSmall":
        out = model(inputs)
    elif name == "PhysFormer":
        out = model(*inputs, gra_sharp=2.0)[0]
    elif name == "RhythmMamba":
        out = model(*(x.transpose(1, 2) for x in inputs))
    else:
        out = model(*inputs)
    if name not in ("BigSmall", "MTTS-CAN") and isinstance(out, tuple):
        out = out[0]
    parts = out if isinstance(out, tuple) else (out,)
    return [float(f"{v:.8g}") for part in parts for v in part.flatten().tolist()]


@torch.no_grad()
def labels(lq, checkpoints):
    """Levels that the published label quantisers of 1 to 5 bits give to a wave of noise, one behind the other."""
    quantiser, levels = from_checkout(lq, "neural_methods.model.LQC2F").Label_Quantizer, []
    for k in range(1, STAGES + 2):
        tensors = torch.load(next(checkpoints.glob(f"PURE_UBFC_LQC2F_{k}th_LQ_*.pth")), map_location="cpu")
        model = quantiser(num_codebooks=2 ** k)
        model.load_state_dict({name.removeprefix("module."): t for name, t in tensors.items()})
        levels += model.eval()(noise(1, 160, seed=k))[1].flatten().tolist()
    return [float(f"{v:.8g}") for v in levels]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("toolbox", "lq", "mamba"):
        parser.add_argument("--" + name, type=pathlib.Path, required=True)
    parser.add_argument("--checkpoints", type=pathlib.Path)
    args = parser.parse_args()
    stand_ins(args.mamba)
    models = references(args.toolbox, args.lq)
    result = {}
    for name, model in models.items():
        fill(model)
        if name == "LQ-rPPG":
            codebooks(model)
        result[name] = answer(name, model)
    if args.checkpoints:
        model = models["LQ-rPPG"]
        tensors = torch.load(args.checkpoints / "PURE_UBFC_LQC2F_rPPG_Epoch10.pth", map_location="cpu")["C2F_model"]
        model.load_state_dict({k.removeprefix("module."): v for k, v in tensors.items()})
        for k in range(1, STAGES + 1):
            file = next(args.checkpoints.glob(f"PURE_UBFC_LQC2F_{k}th_LQ_*.pth"))
            code = torch.load(file, map_location="cpu")["module.quantizer.embeddings.weight"]
            setattr(model, f"codebook_{k}", code)
        result["LQ-rPPG trained"] = answer("LQ-rPPG trained", model.eval())
        result["LQ-rPPG labels trained"] = labels(args.lq, args.checkpoints)
    (HERE / "arch.json").write_text(json.dumps(result, indent=0).replace(",\n", ", ").replace("[\n", "[") + "\n")


if __name__ == "__main__":
    main()
