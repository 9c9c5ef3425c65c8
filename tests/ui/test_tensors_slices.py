"""Slices, thinned planes and channel grids against plain numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphdebug.ui.slices import NONFINITE_COLOR, cells, channel_grid, cut, plane, shrink

VALUES = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("rows", "columns", "fixed", "expected"),
    [
        (2, 3, {0: 1, 1: 2}, VALUES[1, 2]),
        (3, 2, {0: 1, 1: 2}, VALUES[1, 2].T),
        (0, 1, {3: 4}, VALUES[:, :, 0, 4]),
        (1, None, {0: 1}, VALUES[1, :, 0, 0][:, None]),
        (None, 3, {}, VALUES[0, 0, 0][None]),
        (None, None, {0: 1, 1: 1, 2: 1, 3: 1}, VALUES[1:, 1, 1, 1:2]),
    ],
)
def test_a_cut_takes_the_asked_axes(rows, columns, fixed, expected):
    np.testing.assert_array_equal(cut(VALUES, rows, columns, fixed), expected)


def test_plane_of_a_scalar_and_of_complex_values():
    assert plane(cut(np.array(7, np.int64), None, None, {})).tolist() == [[7.0]]
    assert plane(np.array([[3 + 4j]])).tolist() == [[5.0]]


def test_cells_keep_every_digit():
    assert cells(np.array([[2**63 - 1]])).tolist() == [[2**63 - 1]]
    assert cells(np.array([[True, False]])).tolist() == [[1, 0]]
    assert cells(np.array([[3 + 4j]])).tolist() == [["(3+4j)"]]
    assert cells(np.array([["a"]])).tolist() == [["a"]]
    assert cells(np.array([[0.1]], np.float16)).dtype == np.float32


def test_a_cut_reads_only_the_slice_of_a_memory_map(tmp_path):
    path = tmp_path / "big.bin"
    with path.open("wb") as file:
        file.truncate(64 << 30)  # sparse: reading it all would take minutes and 64 GiB
    mapped = np.memmap(path, np.float32, "r", shape=(1 << 20, 128, 128))
    assert cut(mapped, 1, 2, {0: 1 << 19}).shape == (128, 128)


floats = st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf])


@given(
    hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40), elements=floats), st.integers(1, 12)
)
def test_shrink_fits_and_loses_no_extreme(values, limit):
    small, steps = shrink(values, limit)
    assert max(small.shape) <= limit
    for row in range(small.shape[0]):
        for column in range(small.shape[1]):
            block = values[row * steps[0] : (row + 1) * steps[0], column * steps[1] : (column + 1) * steps[1]]
            if block.size == 0:  # padding only
                continue
            if np.isnan(block).any():
                assert np.isnan(small[row, column])
            else:
                assert abs(small[row, column]) == np.abs(block).max()


def test_channel_grid_scales_each_channel_or_all():
    channels = np.stack([np.array([[0.0, 1.0]]), np.array([[0.0, 100.0]])])
    own, shared = (channel_grid(channels, per_channel=each, tile=1) for each in (True, False))
    assert own[0, 1].tolist() == [255, 255, 255]
    assert shared[0, 1].tolist() == [3, 3, 3]
    assert shared[0, -1].tolist() == [255, 255, 255]


def test_channel_grid_marks_what_is_not_finite_and_bounds_its_size():
    channels = np.zeros((300, 2000, 1000), np.float16)
    channels[0, 0, 0] = np.inf
    grid = channel_grid(channels, per_channel=True)
    assert tuple(grid[0, 0]) == NONFINITE_COLOR
    assert max(grid.shape) < 8 * 220
    assert channel_grid(np.full((1, 2, 2), np.nan), per_channel=True)[0, 0].tolist() == list(NONFINITE_COLOR)
