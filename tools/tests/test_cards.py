import json
import pathlib

import numpy as np
import pytest

from rppg_tools import blob, cards, core, nn
from rppg_tools.__main__ import main

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"
CARD = dict(summary="Doubles a number.", arch="own", data="none", split="none", n={"test": 3}, seed=1, command="none", metrics={"MAE bpm": 1.25},
            minutes=0.5, machine="a machine", limits=["Nothing but numbers.", "No pulse."])


@pytest.fixture
def models(tmp_path):
    for name, factor in (("double", 2.0), ("triple", 3.0)):
        g = blob.Graph()
        g.output(g.dense(g.input((1, 1, 1, 1)), np.full((1, 1), factor)))
        g.write(tmp_path / f"{name}.rppg")
        cards.write(tmp_path / "cards" / f"{name}.json", **CARD)
    return tmp_path


def test_page_of_cards(models, capsys):
    assert main(["cards", str(models)]) == 0
    text = (models / "README.md").read_text()
    assert "2 models" in capsys.readouterr().out
    for words in ("[double.rppg](#double)", "## triple", "| MAE bpm | 1.25 |", "- Limit: No pulse.", "- n: test 3"):
        assert words in text
    packed = (models / "double.rppg").read_bytes()
    assert f"{len(packed)} bytes, checksum {cards.checksum(packed)}" in text
    assert main(["cards", str(models)]) == 0 and (models / "README.md").read_text() == text


def test_checksum_is_the_one_that_inspect_prints(models, capsys):
    assert main(["inspect", str(models / "double.rppg")]) == 0
    assert f"checksum {cards.checksum((models / 'double.rppg').read_bytes())}" in capsys.readouterr().out


@pytest.mark.parametrize("change", [{"seed": None}, {"limits": []}, {"summary": ""}, {"metrics": 3}, {"minutes": True}])
def test_a_card_that_lacks_something_is_refused(models, change):
    path = models / "cards" / "double.json"
    before = path.read_bytes()
    with pytest.raises(core.ToolError, match=next(iter(change))):
        cards.write(path, **{**CARD, **change})
    fields = dict(CARD)
    del fields[next(iter(change))]
    with pytest.raises(core.ToolError, match=next(iter(change))):
        cards.write(path, **fields)
    assert path.read_bytes() == before


def test_cards_and_models_belong_together(models, capsys):
    packed = (models / "double.rppg").read_bytes()
    (models / "double.rppg").write_bytes((models / "triple.rppg").read_bytes())
    assert main(["cards", str(models)]) == 1 and "another blob" in capsys.readouterr().err
    (models / "double.rppg").write_bytes(packed)
    (models / "cards" / "double.json").rename(models / "cards" / "single.json")
    assert main(["cards", str(models)]) == 1
    said = capsys.readouterr().err
    assert "double.rppg has no card" in said and "single.json has no model" in said
    assert not (models / "README.md").exists()
    (models / "cards" / "single.json").rename(models / "cards" / "double.json")
    (models / "cards" / "double.json").write_text("{")
    assert main(["cards", str(models)]) == 1 and "double.json" in capsys.readouterr().err


def shipped():
    return sorted(MODELS.glob("*.rppg"))


@pytest.mark.parametrize("path", shipped(), ids=lambda p: p.name)
def test_shipped_model_opens_in_c_and_has_its_card(path):
    packed = path.read_bytes()
    model = nn.Model(packed)  # rppg_nn_open, which checks the checksum against the bytes
    assert model.inputs and model.outputs
    card = json.loads((MODELS / "cards" / f"{path.stem}.json").read_text(encoding="utf-8"))
    cards.check(path, card)
    assert card["checksum"] == cards.checksum(packed) and card["bytes"] == len(packed)


@pytest.mark.skipif(not shipped(), reason="no models are shipped")
def test_page_of_shipped_models_is_that_of_their_cards():
    assert (MODELS / "README.md").read_text(encoding="utf-8") == cards.page(cards.read(MODELS))
