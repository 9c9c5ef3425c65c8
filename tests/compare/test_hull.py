"""The hull decides as brute force does, for every tolerance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdebug.compare.hull import MAX_VERTICES, HullBuilder, excess, thin, upper_hull

magnitudes = st.one_of(st.just(0.0), st.floats(1e-30, 1e6), st.integers(0, 5).map(float))
points = st.lists(st.tuples(magnitudes, magnitudes), min_size=1, max_size=80)
rtols = st.one_of(st.just(0.0), st.floats(0, 1e3))


def brute_force(reference, error, rtol):
    return (error - rtol * reference).max(initial=0.0)


def built(reference, error, block):
    builder = HullBuilder()
    for start in range(0, len(error), block):
        builder.add(reference[start : start + block].copy(), error[start : start + block].copy())
    return builder


@given(points, rtols, st.integers(1, 40))
@settings(max_examples=400, deadline=None)
def test_small_streams(cloud, rtol, block):
    reference, error = np.array(cloud).T.copy()
    builder = built(reference, error, block)
    hull = builder.hull()
    if not error.any():
        assert len(hull) == 0
        return
    scale = max(1.0, error.max(), rtol * reference.max())
    assert excess(hull, rtol) == pytest.approx(brute_force(reference, error, rtol), abs=1e-12 * scale)
    assert (np.diff(hull[:, 0]) > 0).all() and (np.diff(hull[:, 1]) > 0).all()
    assert {tuple(vertex) for vertex in hull} <= {*zip(reference, error, strict=True)}


@given(points, rtols)
@settings(max_examples=300, deadline=None)
def test_exact_hull_of_any_points(cloud, rtol):
    array = np.array(cloud)
    hull = upper_hull(array)
    scale = max(1.0, array[:, 1].max(), rtol * array[:, 0].max())
    assert excess(hull, rtol) == pytest.approx(brute_force(*array.T, rtol), abs=1e-12 * scale)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["relative", "absolute", "both", "relu", "scaled", "sparse", "exponents"])
def test_streams_of_blocks_large_enough_for_the_table(kind, seed):
    rng = np.random.default_rng(seed)
    size = 50_000
    reference = np.abs(rng.standard_normal(size))
    noise = np.abs(rng.standard_normal(size))
    error = {
        "relative": reference * noise,
        "absolute": noise,
        "both": (reference + 0.1) * noise,
        "relu": reference * noise,
        "scaled": reference * 1e-3,
        "sparse": noise * (rng.random(size) < 1e-3),
        "exponents": noise,
    }[kind]
    if kind == "relu":
        reference *= rng.random(size) < 0.5
    if kind == "exponents":
        reference = np.exp2(rng.uniform(-250, 0, size))
        error = np.sqrt(reference) * noise
    builder = built(reference, error, 9000)
    hull = builder.hull()
    for rtol in (0.0, 1e-6, 1e-3, 0.1, 1.0, 30.0):
        expected = brute_force(reference, error, rtol)
        assert excess(hull, rtol) == pytest.approx(expected, rel=1e-9, abs=1e-9 * error.max())
    normal = reference >= np.finfo(np.float64).tiny
    assert builder.max_relative() == pytest.approx((error[normal] / reference[normal]).max(), rel=1e-9)


def test_a_smooth_error_is_thinned_and_still_decides():
    reference = np.linspace(1e-3, 1, 20_000)
    error = np.sqrt(reference)
    hull = built(reference, error, 9000).hull()
    assert len(hull) == MAX_VERTICES
    for rtol in np.geomspace(1e-3, 10, 30):
        assert excess(hull, rtol) == pytest.approx(brute_force(reference, error, rtol), rel=1e-3)


def test_thinning_keeps_the_ends():
    x = np.linspace(0, 1, 1000)
    hull = upper_hull(np.stack([x, np.sqrt(x)], axis=1))
    thinned = thin(hull, 10)
    assert len(thinned) == 10
    assert (thinned[0] == hull[0]).all() and (thinned[-1] == hull[-1]).all()
