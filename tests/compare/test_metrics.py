"""Metrics against plain NumPy on the whole tensor, over dtypes, sizes around a block, and special values."""

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphdebug.compare.metrics import (
    BLOCK,
    NonFiniteError,
    argmax_agreement,
    estimate_share_outside,
    max_ulp,
    measure,
    share_outside,
)
from graphdebug.compare.records import Tolerance

FLOATS = [np.float16, np.float32, np.float64, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]


def pair(dtype, shape=(3, 700, 11), noise=1e-2, seed=0):
    rng = np.random.default_rng(seed)
    reference = rng.standard_normal(shape)
    candidate = reference * (1 + noise * rng.standard_normal(shape))
    return reference.astype(dtype), candidate.astype(dtype)


@pytest.mark.parametrize("dtype", [*FLOATS, np.int8, np.uint8, np.int32, np.int64, np.bool_, np.complex64])
def test_metrics_are_those_of_plain_numpy(dtype):
    reference, candidate = pair(dtype)
    if dtype is np.complex64:
        reference, candidate = reference + 1j * reference[::-1], candidate + 1j * candidate[::-1]
    wide = np.complex128 if dtype is np.complex64 else np.float64
    r, c = reference.astype(wide), candidate.astype(wide)
    error = np.abs(c - r)
    got = measure(reference, candidate)
    assert got.max_abs == error.max()
    assert got.mean_abs == pytest.approx(error.mean(), rel=1e-12, abs=1e-300)
    assert got.rmse == pytest.approx(np.sqrt((error**2).mean()), rel=1e-12, abs=1e-300)
    assert got.reference_rms == pytest.approx(np.sqrt((np.abs(r) ** 2).mean()), rel=1e-12)
    assert got.max_rel == pytest.approx((error[r != 0] / np.abs(r[r != 0])).max(), rel=1e-12, abs=0)
    inner = np.vdot(r, c).real / math.sqrt((np.abs(r) ** 2).sum() * (np.abs(c) ** 2).sum())
    assert got.cosine == pytest.approx(inner, rel=1e-12)
    if error.any():
        assert got.sqnr_db == pytest.approx(10 * math.log10((np.abs(r) ** 2).sum() / (error**2).sum()), rel=1e-9)
    assert error[got.worst_index] == error.max()
    worst = r[got.worst_index]
    assert got.worst_reference == pytest.approx(abs(worst) if wide is np.complex128 else worst, rel=1e-7)
    assert not got.identical or not error.any()


@pytest.mark.parametrize("size", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_block_borders_lose_no_element(size):
    reference = np.linspace(-1, 1, size).astype(np.float32)
    for at in {0, size // 2, size - 1}:
        candidate = reference.copy()
        candidate[at] += 7
        got = measure(reference, candidate)
        assert got.worst_index == (at,)
        assert got.max_abs == float(candidate[at]) - float(reference[at])
        assert share_outside(reference, candidate, 0.0, 1.0) == 1 / size


def test_identical_bytes():
    reference = np.array([[1.5, -2.0], [0.0, np.nan]], np.float32)
    got = measure(reference, reference.copy())
    assert got.identical and got.max_abs == 0 and got.hull == () and got.nonfinite == 1
    assert got.cosine == 1.0 and got.sqnr_db is None and got.max_rel == 0.0 and got.max_ulp == 0.0
    assert got.reference_rms == pytest.approx(math.sqrt((1.5**2 + 4) / 3))


def test_equal_but_not_the_same_bytes():
    got = measure(np.array([0.0, 1.0], np.float32), np.array([-0.0, 1.0], np.float32))
    assert not got.identical and got.max_abs == 0 and got.max_ulp == 0 and got.cosine == 1.0


def test_a_zero_side_has_no_cosine_and_no_relative_error():
    got = measure(np.zeros(4, np.float32), np.ones(4, np.float32))
    assert got.cosine is None and got.max_rel is None and got.sqnr_db is None and got.max_abs == 1.0
    assert measure(np.ones(4, np.float32), np.zeros(4, np.float32)).cosine is None


def test_cosine_stays_in_range():
    reference = np.full(1000, 0.1, np.float32)
    assert measure(reference, reference * np.float32(3)).cosine <= 1.0
    assert (
        measure(reference, -reference).cosine == pytest.approx(-1.0) and measure(reference, -reference).cosine >= -1.0
    )


def test_equal_non_finite_elements_are_left_out():
    reference = np.array([1.0, np.nan, np.inf, -np.inf, 3.0], np.float16)
    candidate = np.array([2.0, np.nan, np.inf, -np.inf, 3.0], np.float16)
    got = measure(reference, candidate)
    assert (got.max_abs, got.mean_abs, got.nonfinite) == (1.0, 0.5, 3)
    assert got.reference_rms == pytest.approx(math.sqrt(5))


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, BLOCK + 3])
def test_non_finite_on_one_side_is_an_error_that_names_the_place(strange, at):
    reference = np.ones((2, BLOCK), np.float32)
    candidate = reference.copy()
    candidate.flat[at] = strange
    with pytest.raises(NonFiniteError, match=rf"at \[{at // BLOCK}, {at % BLOCK}\].*candidate {strange}"):
        measure(reference, candidate)
    with pytest.raises(NonFiniteError):
        measure(candidate, reference)


def test_opposite_infinities_and_nan_against_infinity_are_not_equal():
    for a, b in ((np.inf, -np.inf), (np.nan, np.inf)):
        with pytest.raises(NonFiniteError):
            measure(np.array([a, 1.0]), np.array([b, 1.0]))


def test_large_integers_are_compared_exactly():
    reference = np.array([2**62, -(2**63), 2**63 - 1], np.int64)
    candidate = np.array([2**62 + 1, -(2**63), 2**63 - 1], np.int64)
    assert measure(reference, candidate).max_abs == 1.0
    assert measure(np.array([-(2**63)]), np.array([2**63 - 1])).max_abs == 2.0**64
    assert measure(np.array([2**64 - 1], np.uint64), np.array([2**64 - 2], np.uint64)).max_abs == 1.0


@pytest.mark.parametrize("size", [1e300, 1e-300, 5e-324])
def test_extreme_float64_neither_over_nor_underflows(size):
    reference = np.array([size, size, 0.0])
    got = measure(reference, reference * np.array([2.0, 1.0, 1.0]))
    assert got.max_abs == size
    assert got.reference_rms == pytest.approx(size * math.sqrt(2 / 3), rel=1e-6, abs=5e-324)
    assert got.sqnr_db == pytest.approx(10 * math.log10(2))
    assert got.cosine == pytest.approx(3 / math.sqrt(10))


def test_overflowing_errors_stay_writable():
    got = measure(np.array([-1.7e308]), np.array([1.7e308]))
    assert math.isfinite(got.max_abs) and math.isfinite(got.rmse) and got.cosine == pytest.approx(-1)
    assert all(math.isfinite(number) for vertex in got.hull for number in vertex)


def test_different_dtypes_compare_in_float64():
    reference = np.array([0.1, 0.2], np.float32)
    got = measure(reference, reference.astype(np.float16))
    assert got.max_abs == np.abs(reference.astype(np.float64) - reference.astype(np.float16)).max()
    assert got.max_ulp is None and not got.identical


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_ulp_distance_counts_steps_of_nextafter(dtype, data):
    start = dtype(data.draw(st.floats(-100, 100, width=np.finfo(dtype).bits)))
    steps = data.draw(st.integers(0, 40))
    end = start
    for _ in range(steps):
        end = np.nextafter(end, dtype(np.inf))
    assert max_ulp(np.array([start]), np.array([end])) == steps


def test_ulp_distance_through_zero():
    tiny = np.finfo(np.float32).smallest_subnormal
    assert max_ulp(np.array([-tiny]), np.array([tiny])) == 2
    assert max_ulp(np.array([-0.0], np.float32), np.array([0.0], np.float32)) == 0
    biggest = np.finfo(np.float32).max
    assert max_ulp(np.array([-biggest]), np.array([biggest])) == 2 * (0x7F7FFFFF)


def test_argmax_agreement():
    reference = np.array([[1, 2, 3], [3, 2, 1]], np.float32)
    assert argmax_agreement(reference, np.array([[0, 0, 1], [0, 1, 0]], np.float32)) == 0.5
    assert argmax_agreement(reference[0], reference[0]) is None
    assert argmax_agreement(reference[:, :1], reference[:, :1]) is None
    assert argmax_agreement(reference.astype(ml_dtypes.bfloat16), reference.astype(ml_dtypes.bfloat16)) == 1.0


arrays = hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32))


@given(arrays, st.data(), st.floats(0, 2), st.floats(0, 1e3))
@settings(max_examples=150, deadline=None)
def test_share_outside_is_the_count(reference, data, rtol, limit):
    candidate = data.draw(hnp.arrays(np.float32, reference.shape, elements=st.floats(-1e6, 1e6, width=32)))
    r, c = reference.astype(np.float64), candidate.astype(np.float64)
    assert share_outside(reference, candidate, rtol, limit) == (np.abs(c - r) - rtol * np.abs(r) > limit).mean()


def test_the_estimated_share_is_near_the_exact_one():
    reference, candidate = pair(np.float32, (400, 500), noise=1e-2)
    metrics = measure(reference, candidate)
    for rtol, atol in ((1e-2, 0.0), (0.0, 1e-2), (5e-3, 5e-3), (0.0, 1e-3)):
        limit = atol * metrics.reference_rms
        exact = share_outside(reference, candidate, rtol, limit)
        estimate = estimate_share_outside(metrics, Tolerance(rtol, atol), metrics.reference_rms)
        assert estimate == pytest.approx(exact, abs=0.05)
