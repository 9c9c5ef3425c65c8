"""Channels of weights against a plain computation."""

import numpy as np
import pytest

from graphdebug.runtime import channels as room
from graphdebug.runtime.channels import channels


@pytest.mark.parametrize("axis", [0, 1, 3])
@pytest.mark.parametrize("block", [1 << 20, 40])
def test_like_a_plain_computation(axis: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_BLOCK", block)
    array = np.random.default_rng(0).standard_normal((4, 6, 3, 5)).astype(np.float32)
    array[1, 2, 0, 3], array[0, 0, 0, 0] = 0.0, np.nan
    found = channels(array, axis)
    for channel, values in enumerate(np.moveaxis(array.astype(np.float64), axis, 0)):
        sound = values[np.isfinite(values)]
        assert found.largest[channel] == np.abs(sound).max()
        assert found.rms[channel] == pytest.approx(np.sqrt((sound**2).mean()))
        assert found.zeros[channel] == (sound == 0).sum() / sound.size
    assert found.outliers == ()


def test_channels_that_stand_out_are_named_the_largest_first() -> None:
    array = np.random.default_rng(1).uniform(-1, 1, (16, 64)).astype(np.float32)
    array[11, 3], array[4, 0] = 40.0, -7.0
    assert channels(array, 0).outliers == (11, 4)
    assert channels(np.zeros((3, 4)), 0).outliers == ()
    assert channels(np.full((3, 4), np.inf), 0).largest.tolist() == [0, 0, 0]
    assert channels(np.ones((2, 2), np.int8), 1).largest.tolist() == [1, 1]
