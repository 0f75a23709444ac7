"""Simulated recordings: what they are made of, whether the C session sees in them what training sees, and the split."""
import dataclasses

import numpy as np
import pytest
from scipy import signal

from rppg_tools import core, data, own, scene

WEBCAM = scene.CAMERAS["webcam"]


@pytest.fixture(scope="module")
def sources():
    return scene.Sources(None, "train")


@pytest.fixture
def real(sets):
    """The small data folder, with clips of a tracker's jitter that are long enough."""
    rng = np.random.default_rng(5)
    for video in (5, 6, 7):
        for region in ("forehead", "leftcheek"):
            np.save(sets / "nuisance-faces" / f"Far_Land_video{video}_{region}.npy", rng.normal(120, 1, (700, 3)))
    return sets


# ---- as the C session has it ----------------------------------------------------------------------

@pytest.mark.parametrize("camera", scene.CAMERAS)
def test_fragments_are_those_of_the_session(sources, camera):
    """Jitter and lost frames included: the last fragment equals what a session gives its model."""
    rng = np.random.default_rng(3)
    clip = scene.signals(rng, sources, scene.CAMERAS[camera], 12, motion="mixed")
    assert len(clip.t_s) <= 12 * 15 + 1 and np.diff(clip.t_s).std() > 1e-4, "the clock jitters"
    t_us = np.round(clip.t_s * 1e6).astype(np.int64)
    levels, start_s = scene.cut(t_us * 1e-6, clip.rgb, 64, 1)
    with core.Session("pos", 6, 15.0) as session:
        assert session.push(clip.rgb, t_us) == 0
        seen = session.fragment(64)
    assert seen.shape == (18, 64) and start_s[-1] > 7
    np.testing.assert_allclose(scene.ranged(levels[-1]), seen, atol=2e-4)  # float32 levels, stretched to 2
    assert not np.allclose(scene.ranged(levels[-2]), seen, atol=2e-4), "one sample earlier it is another one"


def test_a_flat_signal_becomes_zeros():
    with core.Session("green", 1, 15.0) as session:
        session.push(np.full((90, 1, 3), 7, np.float32), np.arange(90) * 66667)
        np.testing.assert_array_equal(session.fragment(64), scene.ranged(np.full((3, 64), 7, np.float32)))


def test_order_of_the_eighteen_signals(sources):
    """Region by region, R, G, B; the whole face is the last."""
    t = np.arange(80) / 15
    rgb = np.arange(18).reshape(1, 6, 3) * np.ones((80, 1, 1))
    levels, _ = scene.cut(t, rgb)
    np.testing.assert_allclose(levels[0].mean(1), np.arange(18), rtol=1e-6)


def test_grid_of_a_straight_line():
    """Means over cells of any line are its values at their middles, whatever the frame times."""
    rng = np.random.default_rng(0)
    t = np.sort(rng.uniform(0, 10, 150))
    got = scene.gridded(t, 3 * (t - t[0])[:, None], 100, 12.0)
    np.testing.assert_allclose(got[:, 0], 3 * (np.arange(100) + 0.5) / 12, rtol=1e-5)


# ---- fragments ------------------------------------------------------------------------------------

def test_fragments(sources):
    cameras = [scene.CAMERAS[c] for c in ("webcam", "phone", "laptop")]
    x, bpm, camera, mixed = scene.fragments(np.random.default_rng(1), sources, cameras, 400)
    assert x.shape == (400, 1, 18, 64) and x.dtype == np.float32 and np.isfinite(x).all()
    assert (x.min(-1) == -1).all() and (x.max(-1) == 1).all()
    assert bpm.dtype == np.float32 and bpm.min() >= 39.9 and bpm.max() <= 125.1 and bpm.std() > 15, "spread wide"
    assert set(camera) == {0, 1, 2} and 0.1 < mixed.mean() < 0.6
    again = scene.fragments(np.random.default_rng(1), sources, cameras, 400)
    np.testing.assert_array_equal(x, again[0])
    assert not np.array_equal(x, scene.fragments(np.random.default_rng(2), sources, cameras, 400)[0])


def test_rate_of_fragments_is_in_them(sources):
    """A clean camera and a strong pulse: SciPy's periodogram of green finds the label."""
    still = dataclasses.replace(WEBCAM, read=0.0, shot=0.0, quant=0.0, denoise=0.0, balance=0.0, exposure_step=9.0)
    strong = scene.Sources(None, "train")
    strong.subjects = strong.subjects.copy()
    strong.subjects["depth"] = 1.0
    x, bpm, _, _ = scene.fragments(np.random.default_rng(4), strong, [still], 60, mixed=0.0)
    hz, power = signal.periodogram(x[:, 0, 16], 15.0, "hann", 4096, detrend="linear")
    band = (hz > 0.6) & (hz < 2.2)
    error = np.abs(60 * hz[band][power[:, band].argmax(1)] - bpm)
    assert np.median(error) < 3 and (error < 8).mean() > 0.9


def test_pulse_has_the_colours_of_blood(sources):
    """The published signature 0.33, 0.77, 0.53 [deHaan2014] to 0.13, for each colour camera; more blood is darker."""
    for name in ("webcam", "phone", "laptop"):
        light = scene.draw_light(np.random.default_rng(0), scene.CAMERAS[name], sources.subjects[:300])
        assert (light.change < 0).all()
        colour = -light.change / np.linalg.norm(light.change, axis=1, keepdims=True)
        np.testing.assert_allclose(colour.mean(0), [0.33, 0.77, 0.53], atol=0.13)
        assert 0.002 < -np.median(light.change[:, 1]) < 0.02, "half a percent or so in green, foot to peak"


def test_darker_skin_reflects_less():
    skin, _ = scene.reflectance(np.array([0.02, 0.25]), np.array([0.03, 0.03]))
    visible = scene.NM < 700
    assert (skin[1, visible] < skin[0, visible]).all() and (skin > 0).all() and (skin < 1).all()


def test_motion_is_far_above_the_pulse(sources):
    def swing(motion):
        rng = np.random.default_rng(8)
        clips = [scene.signals(rng, sources, WEBCAM, 20, motion=motion) for _ in range(12)]
        return np.median([np.ptp(c.rgb[:, 0, 1]) / c.rgb[:, 0, 1].mean() for c in clips])
    assert swing("stationary") < 0.06 and swing("mixed") > 0.15
    with pytest.raises(core.ToolError, match="no scenario 'dance'"):
        scene.signals(np.random.default_rng(0), sources, WEBCAM, 20, motion="dance")


def test_beats_are_those_of_the_wave(sources):
    clip = scene.signals(np.random.default_rng(6), sources, WEBCAM, 30)
    assert clip.beat_s[0] < 0 and clip.beat_s[-1] > clip.t_s[-1] - 1e-9
    inside = np.diff(clip.beat_s)[2:-2]
    assert 60 / inside.mean() == pytest.approx(clip.bpm.mean(), rel=0.03)
    assert clip.wave.min() > -0.3 and 0.7 < clip.wave.max() <= 1.01


# ---- patches --------------------------------------------------------------------------------------

@pytest.mark.parametrize("camera", scene.CAMERAS)
def test_patches(sources, camera):
    video, wave, bpm = scene.patches(np.random.default_rng(2), sources, scene.CAMERAS[camera], 90, 36)
    assert video.shape == (90, 36, 36, 3) and video.dtype == np.float32 and wave.shape == (90,)
    assert 0 <= video.min() and video.max() <= 255 and 20 < video.mean() < 235 and 40 <= bpm <= 125
    if scene.CAMERAS[camera].grey:
        np.testing.assert_array_equal(video[..., 0], video[..., 2])


def test_pulse_is_in_the_skin_of_patches():
    still = dataclasses.replace(WEBCAM, read=0.0, shot=0.0, quant=0.0, denoise=0.0, balance=0.0, exposure_step=9.0)
    strong = scene.Sources(None, "train")
    strong.subjects = strong.subjects.copy()
    strong.subjects["depth"] = 1.0
    cheek, corner = [], []
    for seed in range(6):
        video, wave, _ = scene.patches(np.random.default_rng(seed), strong, still, 150, 36)
        for out, part in ((cheek, video[:, 18:22, 12:24, 1]), (corner, video[:, :3, :3, 1])):
            out.append(np.corrcoef(signal.detrend(part.mean((1, 2))), signal.detrend(wave))[0, 1])
    assert np.median(cheek) < -0.7 and np.median(np.abs(corner)) < 0.4


# ---- sources and splits ---------------------------------------------------------------------------

def test_no_recording_is_on_two_sides(real):
    names = {split: scene.Sources(real, split).names for split in data.SPLITS}
    everything = sum(names.values(), [])
    assert len(everything) == len(set(everything)) == 10
    assert names["train"] == ["finger-oximetry/100001_Left", "finger-welltory/subject_09", "nuisance-faces/Far_Land_7"]


def test_recordings_of_the_split_are_used(real):
    for split in data.SPLITS:
        s = scene.Sources(real, split)
        assert s.real == {"beats": True, "wander": True, "jitter": True}
    bare = scene.Sources(None, "test")
    assert not any(bare.real.values()) and bare.names == []


def test_no_subject_is_on_two_sides():
    people = [scene.Sources(None, split).subjects for split in data.SPLITS]
    for field in ("melanin", "blood", "shine", "depth", "hair"):
        values = np.concatenate([p[field] for p in people])
        assert len(values) == len(set(values)) == sum(scene.SUBJECTS.values())
    np.testing.assert_array_equal(people[0], scene.Sources(None, "train").subjects)


def test_sources_refuse(tmp_path):
    with pytest.raises(core.ToolError, match="no split 'dev'"):
        scene.Sources(None, "dev")
    with pytest.raises(core.ToolError, match="no finger-oximetry"):
        scene.Sources(tmp_path, "train")


# ---- synth ----------------------------------------------------------------------------------------

def test_synth_writes_what_check_accepts(tmp_path, capsys):
    from rppg_tools.__main__ import main
    out = tmp_path / "out"
    arguments = ["synth", str(out), "--camera", "laptop", "--n", "4", "--seconds", "20", "--split", "validation"]
    assert main(arguments) == 0
    assert "drawn instead" in capsys.readouterr().err
    assert main(["check", str(out)]) == 0
    assert "4 recordings, nothing wrong" in capsys.readouterr().out
    first, *_ = found = list(data.recordings(out))
    assert [r.split for r in found] == ["validation"] * 4 and first.camera == "laptop" and first.rgb.shape[1:] == (6, 3)
    assert 40 <= first.reference(2, 18) <= 125
    assert main(arguments) == 1 and "not an empty folder" in capsys.readouterr().err
    assert [p for p, text in own.problems(out)[0]] == []
