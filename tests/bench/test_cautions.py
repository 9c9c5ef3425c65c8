"""What is said before figures are believed."""

from dataclasses import replace

from graphdebug.bench.cautions import cautions
from graphdebug.bench.records import BenchRequest, Block, Machine, Measurement, Side
from graphdebug.model.records import ModelLocation

IDLE = Machine("a processor", processors=64, cores=32, affinity=64, quota=None, usable=64, load=0.1, throttled=0.0)
REQUEST = BenchRequest(ModelLocation("m.onnx"))
SIDE = Side("onnxruntime", threads=32)


def said(machine: Machine = IDLE, side: Side = SIDE, request: BenchRequest = REQUEST) -> tuple[str, ...]:
    block = Block(0.0, 2.0, 100, ())
    return cautions(request, machine, [side], [Measurement(0, {}, 1, blocks=(block,))])


def test_nothing_to_say_where_all_fits() -> None:
    assert said() == ()


def test_threads_beyond_the_limit_of_a_container_are_told_with_the_remedy() -> None:
    (text,) = said(replace(IDLE, quota=2.0, usable=2.0))
    assert "32 threads" in text and "this container's limit allows 2 processors of 64" in text
    assert "set threads=2" in text


def test_a_fitting_number_of_threads_is_no_matter() -> None:
    assert said(replace(IDLE, quota=2.0, usable=2.0), replace(SIDE, threads=2)) == ()
    assert said(replace(IDLE, quota=2.0, usable=2.0), replace(SIDE, threads=None)) == ()


def test_streams_with_sessions_of_their_own_multiply_threads() -> None:
    request = replace(REQUEST, streams=(1, 4), own_sessions=True)
    (text,) = said(side=replace(SIDE, threads=32), request=request)
    assert "4 streams of 32 threads each" in text and "set threads=16" in text


def test_more_streams_than_processors() -> None:
    (text,) = said(replace(IDLE, affinity=2, usable=2), replace(SIDE, threads=1), replace(REQUEST, streams=(1, 8)))
    assert "8 streams" in text and "this process may use 2 processors of 64" in text and "at most 2 at a time" in text


def test_throttling_and_a_busy_machine_are_told() -> None:
    texts = said(replace(IDLE, throttled=0.5, load=60.0))
    assert ["limit held threads back for 0.5 s" in text for text in texts] == [True, False]
    assert "load 60 on 64 processors" in texts[1]
