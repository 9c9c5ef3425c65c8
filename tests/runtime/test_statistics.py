"""Statistics agree with NumPy in float64, whatever the dtype, layout and length."""

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphdebug.runtime import statistics as module
from graphdebug.runtime.statistics import BINS, statistics

DTYPES = [np.float32, np.float64, np.float16, np.int8, np.uint8, np.int32, np.int64, np.uint64, np.bool_]


def check(array: np.ndarray[Any, Any]) -> None:
    found = statistics(array)
    assert found is not None
    wide = array.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    assert found.size == array.size
    assert found.nans == int(np.isnan(wide).sum())
    assert found.infs == int(np.isinf(wide).sum())
    assert found.zeros == int((finite == 0).sum())
    for place, mask in ((found.first_nan, np.isnan(wide)), (found.first_inf, np.isinf(wide))):
        assert place == (tuple(np.argwhere(mask)[0].tolist()) if mask.any() else None)
    if not finite.size:
        assert (found.minimum, found.mean, found.std, found.histogram) == (None, None, None, ())
        return
    assert (found.minimum, found.maximum) == (finite.min(), finite.max())
    scale = np.abs(finite).max()
    assert found.mean == pytest.approx(math.fsum(finite / finite.size), rel=1e-9, abs=1e-12 * scale)
    assert found.std == pytest.approx(finite.std(), rel=1e-6, abs=1e-9 * scale)
    if found.histogram:
        assert sum(found.histogram) == finite.size
        assert len(found.histogram) == BINS


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_agrees_with_numpy(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(DTYPES))
    elements = st.floats(-1e100, 1e100, width=64) | st.just(math.nan) | st.sampled_from([math.inf, -math.inf, 0.0])
    array = data.draw(
        hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6),
            elements=elements if dtype == np.float64 else None,
        )
    )
    check(array)
    check(array.T)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 7)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("shape", [(100,), (9, 11), (3, 5, 7)])
def test_blocks_are_merged_without_loss(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    array = rng.normal(1e6, 1.0, shape)
    check(array)
    array.flat[40], array.flat[77] = math.nan, -math.inf
    check(array)
    check(np.asfortranarray(array))


def test_a_large_mean_costs_the_deviation_nothing() -> None:
    array = np.random.default_rng(0).normal(1e8, 1.0, 200_000)
    found = statistics(array)
    assert found is not None
    assert found.std == pytest.approx(array.std(), rel=1e-9)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float4_e2m1fn", "int4", "uint4", "int2"])
def test_narrow_types(name: str) -> None:
    array = np.array([[1, 0, 1], [-1 if "u" not in name else 1, 1, 0]]).astype(getattr(ml_dtypes, name))
    check(array)


def test_bfloat16_infinity_is_found() -> None:
    array = np.array([1, np.inf, np.nan, -np.inf], ml_dtypes.bfloat16)
    found = statistics(array)
    assert found is not None
    assert (found.nans, found.infs, found.first_inf, found.maximum) == (1, 2, (1,), 1.0)


def test_complex_numbers_are_measured_by_magnitude() -> None:
    found = statistics(np.array([3 + 4j, 0, complex("nan")], np.complex64))
    assert found is not None
    assert (found.maximum, found.zeros, found.nans) == (5.0, 1, 1)


def test_the_histogram_counts_equal_bins() -> None:
    rng = np.random.default_rng(2)
    array = rng.standard_normal(100_000)
    found = statistics(array)
    assert found is not None
    expected, _ = np.histogram(array, BINS)
    assert np.abs(np.subtract(found.histogram, expected)).max() <= 1  # an element on a bin's edge
    constant = statistics(np.full(10, 3.0))
    assert constant is not None
    assert constant.histogram[0] == 10


def test_numbers_beyond_float64_are_none_not_infinite() -> None:
    found = statistics(np.array([1.7e308, -1.7e308]))
    assert found is not None
    assert found.std is None
    assert found.histogram == ()


def test_strings_have_none() -> None:
    assert statistics(np.array(["a", "b"], object)) is None
    assert statistics(np.array(["a", "b"])) is None
