import numpy as np
import pytest

from rppg_tools import core, data


def test_splits_are_those_of_the_data(sets):
    got = {(r.data_set, r.name): r.split for r in data.recordings(sets)}
    assert got == {
        ("finger-oximetry", "100001_Left"): "train", ("finger-oximetry", "100004_Left"): "validation",
        ("finger-oximetry", "100005_Left"): "test", ("finger-welltory", "subject_09"): "train",
        ("finger-welltory", "subject_10"): "validation", ("finger-welltory", "subject_12"): "test",
        ("macaque", "Session1"): "train", ("macaque", "Session6"): "validation",
        ("macaque", "Session9IR"): "validation", ("macaque", "Session3"): "test",
        ("nuisance-faces", "Far_Land_5"): "validation", ("nuisance-faces", "Far_Land_6"): "test",
        ("nuisance-faces", "Far_Land_7"): "train", ("nuisance-faces", "Far_Land_11"): "test"}


def test_oximeter_is_read_late():
    pulse = np.arange(100.0) + 50
    assert data.mean_reading(pulse)(10, 20) == pytest.approx(np.mean(pulse[21:31]))
    assert data.point_reading(pulse)(10, 20) == pulse[31]
    assert np.isnan(data.mean_reading(pulse)(80, 95)), "two thirds of the readings are missing"
    assert np.isnan(data.mean_reading(np.zeros(100))(10, 20)), "a probe that is off reads 0"
    assert np.isnan(data.point_reading(pulse)(80, 95))


def test_intervals_in_the_window():
    rr = np.array([1.0] * 10 + [0.5] * 20)
    reference = data.mean_interval(rr, 0.0)
    assert reference(0, 9.5) == pytest.approx(60)
    assert reference(10.1, 19) == pytest.approx(120)
    assert reference(7.9, 12.1) == pytest.approx(60 / ((3 * 1.0 + 4 * 0.5) / 7))
    assert np.isnan(reference(18.2, 30))
    assert data.mean_interval(rr, 2.0)(0, 11.5) == pytest.approx(60)


def test_segments_by_their_share():
    reference = data.mean_segment(np.array([100.0, 200.0]), 8.5, late_s=0.0)
    assert reference(0, 8.5) == pytest.approx(100)
    assert reference(4.25, 12.75) == pytest.approx(150)
    assert np.isnan(reference(8, 18)), "it ends behind the last segment"
    late = data.mean_segment(np.array([100.0, 200.0]), 8.5, late_s=4.25)
    assert late(0, 8.5) == reference(4.25, 12.75), "what is shown late is of the window before"


def test_own_layout(own):
    a, b = data.recordings(own)
    assert (a.name, a.rgb.shape[1], b.rgb.shape[1], a.split) == ("a", 1, 2, "test")
    assert a.t_s[0] == 0 and a.reference(0, 10) == 72
    assert b.reference(5, 15) == pytest.approx(90, abs=0.01)


@pytest.mark.parametrize("text, why", [
    ("t,r,g,b\n0,1,2\n1,2,3\n", "needs t,r,g,b"), ("t,r,g,b\n0,1,2,3\n0,1,2,3\n", "rise"),
    ("t,r,g,b\n0,1,2,3\n1,nan,2,3\n", "finite"), ("t,r,g,b\n0,1,x,3\n1,1,1,1\n", "could not convert")])
def test_own_layout_is_checked(own, text, why):
    (own / "a" / "trace.csv").write_text(text)
    with pytest.raises(core.ToolError, match=why):
        list(data.recordings(own))


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(core.ToolError, match="neither"):
        list(data.recordings(tmp_path))
