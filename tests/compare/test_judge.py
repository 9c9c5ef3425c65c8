"""Judging again for other tolerances decides as a fresh comparison would."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphdebug.compare.judge import judge, limits_used, rethreshold
from graphdebug.compare.pairing import Pair, Place
from graphdebug.compare.records import CompareRequest, CompareResult, Side, Status, Tolerance
from graphdebug.compare.tolerance import ANY_FLOAT, DEFAULTS, tolerance_for
from graphdebug.compare.verdict import give_verdict

PAIR = Pair("t", 0, Place(3, "MatMul", "layer.3.attn", "/home/me/modeling_bert.py:214"))


def result_of(*rows):
    request = CompareRequest(Side("onnxruntime"), Side("onnxruntime"))
    return CompareResult(1, give_verdict(rows), rows, (), {}, {}, request, 0.0)


elements = st.floats(-1e3, 1e3, width=32)
tolerances = st.builds(Tolerance, st.floats(0, 10), st.floats(0, 10), st.booleans())


@given(hnp.arrays(np.float32, st.integers(1, 50), elements=elements), st.data(), tolerances, tolerances)
@settings(max_examples=200, deadline=None)
def test_rethresholding_is_exact(reference, data, first, second):
    candidate = data.draw(hnp.arrays(np.float32, reference.shape, elements=elements))
    old = judge(PAIR, reference, candidate, {"float": first}, False)
    fresh = judge(PAIR, reference, candidate, {"float": second}, False)
    again = rethreshold(result_of(old), {"float": second})
    row = again.rows[0]
    assert row.status is fresh.status and row.tolerance == fresh.tolerance and row.metrics == fresh.metrics
    assert again.verdict.outcome == fresh.status.value.replace("not compared", "differ")
    assert (row.share_outside > 0) == (fresh.share_outside > 0) == (row.status is Status.DIFFER)
    assert again.request.tolerances == {"float": second}


@given(hnp.arrays(np.float32, st.integers(1, 50), elements=elements), st.data(), tolerances)
@settings(max_examples=200, deadline=None)
def test_status_is_that_of_the_rule(reference, data, tolerance):
    candidate = data.draw(hnp.arrays(np.float32, reference.shape, elements=elements))
    row = judge(PAIR, reference, candidate, {"float": tolerance}, False)
    r, c = reference.astype(np.float64), candidate.astype(np.float64)
    limit = tolerance.atol * (1.0 if tolerance.absolute else np.sqrt((r**2).mean()))
    margin = np.abs(c - r) - (limit + tolerance.rtol * np.abs(r))
    if np.abs(margin).min() < 1e-9 * max(1.0, limit):
        return  # on the edge, where rounding decides
    assert row.status is (Status.DIFFER if (margin > 0).any() else Status.MATCH)
    assert row.share_outside == (margin > 0).mean()
    used = limits_used(row)
    allowed = limit + tolerance.rtol * np.abs(r)
    with np.errstate(all="ignore"):
        expected = np.nan_to_num(np.abs(c - r) / allowed, nan=0.0, posinf=np.inf).max()
    assert used == pytest.approx(expected, rel=1e-6)


def test_rethresholding_back_to_the_run_gives_the_run():
    rng = np.random.default_rng(0)
    reference = rng.standard_normal(5000).astype(np.float32)
    row = judge(PAIR, reference, reference + np.float32(1e-2) * rng.standard_normal(5000).astype(np.float32), {}, False)
    assert row.status is Status.DIFFER
    loose = rethreshold(result_of(row), {"float": Tolerance(0.1, 0.1)})
    assert loose.rows[0].status is Status.MATCH and loose.verdict.outcome == "match"
    back = rethreshold(loose, {})
    assert back.rows[0].status is Status.DIFFER
    assert back.rows[0].share_outside == pytest.approx(row.share_outside, abs=0.03)
    assert rethreshold(result_of(row), {}).rows == (row,)


def test_strings():
    row = judge(PAIR, np.array(["a", "b"], object), np.array(["a", "c"], object), {}, False)
    assert (row.status, row.share_outside, row.metrics) == (Status.DIFFER, 0.5, None)
    assert rethreshold(result_of(row), {}).rows == (row,)
    assert judge(PAIR, np.array(["a"], object), np.ones(1), {}, False).status is Status.NOT_COMPARED


def test_integers_and_booleans_must_be_equal():
    assert judge(PAIR, np.array([1, 2]), np.array([1, 3]), {}, False).status is Status.DIFFER
    assert judge(PAIR, np.array([True]), np.array([False]), {}, False).status is Status.DIFFER
    quantised = np.array([10, 20], np.uint8)
    assert judge(PAIR, quantised, quantised + np.uint8(1), {}, False).status is Status.MATCH
    assert judge(PAIR, quantised, quantised + np.uint8(2), {}, False).status is Status.DIFFER


def test_the_coarser_dtype_decides():
    assert tolerance_for("float", "float16", {}) == DEFAULTS["float16"]
    assert tolerance_for("bfloat16", "double", {}) == DEFAULTS["bfloat16"]
    assert tolerance_for("int64", "float", {}) == DEFAULTS["float"]
    assert tolerance_for("int64", "int64", {}) == Tolerance(0.0, 0.0, absolute=True)
    mine = Tolerance(1.0, 2.0)
    assert tolerance_for("float", "float", {ANY_FLOAT: mine}) == mine
    assert tolerance_for("int8", "int8", {ANY_FLOAT: mine}) == DEFAULTS["int8"]
    assert tolerance_for("float", "float", {ANY_FLOAT: mine, "float": DEFAULTS["double"]}) == DEFAULTS["double"]


def test_mixed_dtypes_are_noted():
    row = judge(PAIR, np.ones(3, np.float32), np.ones(3, np.float16), {}, False)
    assert row.status is Status.MATCH and row.reason == "dtypes differ: float and float16"


def test_argmax_is_asked_of_outputs_softmax_and_logits_only():
    reference = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)

    def agreement(pair, is_output=False):
        return judge(pair, reference, reference + np.float32(1), {}, is_output).metrics.argmax_agreement

    assert agreement(PAIR) is None and agreement(PAIR, is_output=True) == 1.0
    assert agreement(replace(PAIR, place=Place(op="Softmax"))) == 1.0
    assert agreement(replace(PAIR, name="decoder/Logits_output")) == 1.0


def test_the_verdict_says_where_and_how_much():
    reference = np.zeros((1, 2, 3), np.float32) + 1
    candidate = reference.copy()
    candidate[0, 1, 2] += 0.25
    row = judge(PAIR, reference, candidate, {}, False)
    sound = judge(replace(PAIR, name="u", position=1), reference, reference, {}, True)
    assert give_verdict([row, sound]).sentence == (
        "First tensor out of tolerance: t (MatMul in layer.3.attn, modeling_bert.py:214): max error 0.25 at [0,1,2], "
        "17 % of elements outside. 1 of 2 tensors matches. Yet all outputs of the model match."
    )
    assert give_verdict([sound]).sentence == "All compared tensors are identical. 1 of 1 tensor matches."
    assert give_verdict([]).outcome == "nothing compared"
