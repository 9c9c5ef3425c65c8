"""What commands write to files: whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from graphdebug.cli.console import CommandError, write_text


def test_a_report_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "report.json"
    write_text(str(target), "old")
    write_text(str(target), "older \udc80")  # a name that is no UTF-8

    def half(self: Path, text: str, **how: str) -> int:
        self.write_bytes(text[:3].encode())
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(CommandError, match=r"report\.json cannot be written: no space left"):
        write_text(str(target), "new")
    assert target.read_text() == "older \\udc80"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_written_to_and_never_replaced() -> None:
    write_text("/dev/null", "text")
    with pytest.raises(CommandError, match="/dev/full cannot be written: no space left"):
        write_text("/dev/full", "text")
    assert Path("/dev/null").is_char_device()
    assert Path("/dev/full").is_char_device()


def test_a_link_keeps_leading_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_text(str(tmp_path / "link"), "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "text"
