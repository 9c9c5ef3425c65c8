"""Judging in forked processes gives what judging here gives, whatever happens to a child."""

import os
import signal
from functools import partial

import numpy as np
import psutil
import pytest

from graphdebug.compare import parallel
from graphdebug.compare.judge import judge
from graphdebug.compare.pairing import Pair, Place
from graphdebug.compare.parallel import judge_all


@pytest.fixture
def jobs():
    """200 tensors of many sizes, some the same on both sides, some broken; about 30 MB."""
    rng = np.random.default_rng(3)
    made, sizes = [], []
    for number in range(200):
        reference = rng.standard_normal(int(rng.integers(1, 40_000))).astype(np.float32)
        candidate = reference * np.float32(1 + 1e-6 * (number % 3))
        if number % 50 == 7:
            candidate[-1] = np.nan
        pair = Pair(f"t{number}", number, Place())
        made.append(partial(judge, pair, reference, candidate, {}, number % 20 == 0))
        sizes.append(reference.nbytes + candidate.nbytes)
    return made, sizes


def children():
    """The processes that this one has started, dead ones that nobody waited for included; other tests have theirs."""
    return {child.pid for child in psutil.Process().children()}


def by_position(rows):
    return sorted(rows, key=lambda row: row.position)


def test_the_rows_are_the_same_in_processes_and_here(jobs, monkeypatch):
    monkeypatch.setattr(parallel, "_cores", lambda: 3)
    calls, sizes = jobs
    before = children()
    assert by_position(judge_all(calls, sizes)) == [call() for call in calls]
    assert children() <= before  # every child was waited for


@pytest.mark.parametrize("way", ["killed", "raises"])
def test_what_a_lost_child_leaves_is_judged_here(jobs, monkeypatch, way):
    monkeypatch.setattr(parallel, "_cores", lambda: 2)
    calls, sizes = jobs
    parent = os.getpid()

    def lost(call):
        if os.getpid() != parent:
            if way == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise MemoryError
        return call()

    broken = [partial(lost, call) if number == 11 else call for number, call in enumerate(calls)]
    assert by_position(judge_all(broken, sizes)) == [call() for call in calls]


def test_an_error_comes_to_light_here(jobs, monkeypatch):
    monkeypatch.setattr(parallel, "_cores", lambda: 2)
    calls, sizes = jobs

    def fail():
        raise ZeroDivisionError("as planned")

    with pytest.raises(ZeroDivisionError, match="as planned"):
        list(judge_all([*calls[:50], fail, *calls[50:]], [*sizes[:50], 1, *sizes[50:]]))


def test_whoever_stops_reading_leaves_no_children(jobs, monkeypatch):
    monkeypatch.setattr(parallel, "_cores", lambda: 2)
    before = children()
    rows = judge_all(*jobs)
    next(rows)
    started = children() - before
    assert started
    rows.close()
    assert not started & children()  # others may have been started by what ran before this test


def test_little_work_starts_no_process(monkeypatch):
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("it forked"))
    array = np.ones(10, np.float32)
    pair = Pair("t", 0, Place())
    assert [row.name for row in judge_all([partial(judge, pair, array, array, {}, False)], [80])] == ["t"]
    assert list(judge_all([], [])) == []
