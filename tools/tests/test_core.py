import numpy as np
import pytest
from conftest import colours

from rppg_tools import core


def test_session_measures():
    t, rgb = colours(66.0)
    for method in core.METHODS:
        rows = list(core.windows(t, rgb[:, None, :], method, 10.0, 5.0))
        assert [r[:2] for r in rows] == [(0.0, 10.0), (5.0, 15.0), (10.0, 20.0), (15.0, 25.0), (20.0, 30.0), (25.0, 35.0)]
        for _, end, row in rows:
            f = dict(zip(core.RESULTS, row))
            assert abs(f["hr_bpm"] - 66) < 1 and f["confidence"] > 0.5
            assert f["t_s"] == pytest.approx(end, abs=0.04) and f["window_s"] == pytest.approx(10, abs=0.04)
            assert len(row) == len(core.RESULTS) + core.library().shim_evidence()


def test_wave_and_spectrum():
    t, rgb = colours(66.0)
    with core.Session("green", 1) as session:
        assert session.push(rgb[:, None, :], t * 1e6) == 0
        session.estimate()
        wave, (hz, power) = session.wave(), session.spectrum()
    assert len(wave) == 300
    assert np.corrcoef(wave, rgb[-300:, 1])[0, 1] < -0.9, "more blood is up, and darker"
    assert hz[np.argmax(power)] == pytest.approx(1.1, abs=0.05)


def test_refusals():
    for bad in (dict(window_s=1.0), dict(bpm=(10.0, 20.0)), dict(rois=65), dict(rois=0)):
        with pytest.raises(core.ToolError):
            core.Session(**bad)
    with core.Session("pos", 2) as session:
        assert session.estimate() is None
        with pytest.raises(ValueError):
            session.push(np.zeros((5, 1, 3)), np.arange(5))
        assert session.push(np.full((3, 2, 3), np.nan), [0, 1, 2]) == 3


def test_library_is_made_once_and_again_for_other_flags(monkeypatch):
    first = core.library_file()
    stamp = first.stat().st_mtime_ns
    assert core.library_file() == first and first.stat().st_mtime_ns == stamp
    monkeypatch.setenv("CC", "cc -DRPPG_NO_SIMD")
    assert core.library_file() != first


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(core.ToolError, match="no-such-compiler"):
        core.library_file()
    monkeypatch.setenv("RPPG_HEADERS", str(tmp_path))
    with pytest.raises(core.ToolError, match="rppg.h"):
        core.library_file()
