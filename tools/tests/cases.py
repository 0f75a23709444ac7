"""Small inputs for every network: as few frames and pixels as its structure allows."""
import dataclasses

from rppg_tools.arch.seeded import noise


@dataclasses.dataclass
class Case:
    network: str
    shapes: list         # of the inputs
    parameters: int
    options: dict = dataclasses.field(default_factory=dict)
    counted: dict = None  # options of the network whose parameters are counted, where they differ

    def inputs(self):
        return [noise(*shape, seed=k) for k, shape in enumerate(self.shapes, 1)]


CASES = {
    "SE": Case("SE", [(2, 1, 18, 64)], 62_675), "CE": Case("CE", [(2, 1, 18, 64)], 70_676),
    "CL": Case("CL", [(2, 1, 18, 64)], 70_676), "CL+F": Case("CL+F", [(2, 1, 18, 64)], 72_017),
    "spectral": Case("spectral", [(2, 1, 18, 64)], 63_897),
    "DeepPhys": Case("DeepPhys", [(4, 6, 36, 36)], 532_899),
    "TS-CAN": Case("TS-CAN", [(8, 6, 36, 36)], 532_899, {"depth": 4}),
    "MTTS-CAN": Case("MTTS-CAN", [(4, 6, 72, 72)], 934_564, {"depth": 4, "size": 72}, {}),
    "EfficientPhys": Case("EfficientPhys", [(9, 3, 36, 36)], 467_337, {"depth": 4}),
    "BigSmall": Case("BigSmall", [(6, 3, 144, 144), (6, 3, 9, 9)], 2_142_478),
    "PhysNet": Case("PhysNet", [(1, 3, 8, 32, 32)], 768_577),
    "iBVPNet": Case("iBVPNet", [(1, 3, 17, 64, 64)], 1_426_865, {"frames": 16}),
    "FactorizePhys": Case("FactorizePhys", [(1, 3, 9, 72, 72)], 51_840),
    "FactorizePhys FSAM": Case("FactorizePhys", [(1, 3, 9, 72, 72)], 52_168, {"fsam": True}),
    "PhysFormer": Case("PhysFormer", [(1, 3, 8, 128, 128)], 7_380_865),
    "PhysMamba": Case("PhysMamba", [(1, 3, 8, 32, 32)], 728_769),
    "LQ-rPPG": Case("LQ-rPPG", [(1, 3, 24, 32, 32)], 405_453),
    "LQ-rPPG trained": Case("LQ-rPPG", [(1, 3, 160, 32, 32)], 405_453),
    "RhythmMamba": Case("RhythmMamba", [(1, 3, 24, 32, 32)], 4_922_125, {"depth": 3}, {}),
    "ME-rPPG": Case("ME-rPPG", [(1, 3, 3, 36, 36)], 580_333),
    "FacePhys": Case("FacePhys", [(1, 3, 3, 36, 36)], 720_913),
    "rFaceNet": Case("rFaceNet", [(1, 3, 8, 32, 32)], 616_195),
    "student": Case("student", [(1, 3, 8, 36, 36)], 103_876),
    "PhysNet 32": Case("PhysNet", [(1, 3, 8, 36, 36)], 192_929, {"width": 32}),
    "ME-rPPG 12 taps": Case("ME-rPPG", [(1, 3, 3, 36, 36)], 604_909, {"taps": 12}),
}
