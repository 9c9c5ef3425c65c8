"""What happens as the server starts."""

import socket
import sys

import pytest

from graphdebug.ui.preload import _send_at_once


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
