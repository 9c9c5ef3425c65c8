"""What happens as the server starts."""

import gc
import socket
import sys
from collections.abc import Iterator

import pytest

from graphdebug.ui.preload import _look_for_cycles_less_often, _send_at_once


@pytest.mark.skipif(sys.platform != "linux", reason="whether connections inherit options is the system's business")
def test_small_answers_do_not_wait_for_acknowledgements() -> None:
    with socket.socket(socket.AF_INET) as listening, socket.socket(socket.AF_INET) as client:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        _send_at_once()
        client.connect(listening.getsockname())
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "only servers are meant"


@pytest.fixture
def usual_collections() -> Iterator[None]:
    usual = gc.get_threshold()
    yield
    gc.set_threshold(*usual)
    gc.unfreeze()


@pytest.mark.usefixtures("usual_collections")
def test_many_objects_are_made_with_few_looks_for_cycles() -> None:
    looks: list[str] = []

    def look(phase: str, _: object) -> None:
        looks.append(phase)

    gc.collect()
    _look_for_cycles_less_often()
    gc.callbacks.append(look)
    made = [[number] for number in range(100_000)]
    gc.callbacks.remove(look)
    assert len(made) == 100_000
    assert 1 <= looks.count("start") <= 4
