"""What every command does at a terminal: run a job with progress, fail in one sentence, print tables and sizes."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from graphdebug.model.records import ValueType

if TYPE_CHECKING:
    from graphdebug.runtime.events import Limits

T = TypeVar("T")

ALL_MATCH, SOME_DIFFER, COULD_NOT_RUN, NOTHING_COMPARED = 0, 1, 2, 3
INTERRUPTED, TERMINATED = 130, 143
"""128 + SIGINT, 128 + SIGTERM, as shells report them."""

_ERASE_LINE = "\r\x1b[K"


class CommandError(click.ClickException):
    """A command could not do what was asked: one sentence for the user, a ``detail`` for ``--traceback``."""

    exit_code = COULD_NOT_RUN

    def __init__(self, message: str, detail: str = "") -> None:
        """Keep the sentence and what a developer wants to know."""
        super().__init__(message)
        self.detail = detail


@contextmanager
def job_folder(beside: Path | None = None) -> Iterator[Path]:
    """A folder for one job, gone afterwards; ``beside`` a file, so that the result can be moved to it at once."""
    parent = None if beside is None else beside.absolute().parent
    with tempfile.TemporaryDirectory(prefix=".graphdebug-", dir=parent) as folder:
        yield Path(folder)


def run_job(call: str, request: object, folder: Path, kind: type[T], limits: "Limits | None" = None) -> T:
    """Run a job function in a worker process, with progress on stderr when that is a terminal, and return its result.

    Raises:
        CommandError: the job ended without a result.
    """
    from graphdebug.runtime.events import ProgressEvent, WorkerError
    from graphdebug.runtime.process import run_in_worker

    def show(event: ProgressEvent) -> None:
        share = "" if event.fraction is None else f"{event.fraction:4.0%} "
        width = shutil.get_terminal_size().columns - 1
        click.echo(f"{_ERASE_LINE}{plain(share + event.message)[:width]}", nl=False, err=True)

    terminal = sys.stderr.isatty()
    try:
        return run_in_worker(call, request, folder, kind, limits, on_progress=show if terminal else None)
    except WorkerError as error:
        raise CommandError(error.failure.message, error.failure.detail) from error
    finally:
        if terminal:
            click.echo(_ERASE_LINE, nl=False, err=True)


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Let whoever reads our output stop doing so (``| head``); what else is printed goes nowhere."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parse_pairs(option: str, texts: Sequence[str]) -> dict[str, int]:
    """Parse the ``name=4`` that were given to ``option``.

    Raises:
        CommandError: a text is not ``name=<length of at least 0>``, or a name is given two lengths.
    """
    pairs: dict[str, int] = {}
    for text in texts:
        name, equals, length = text.rpartition("=")
        if not equals or not name or not length.isdecimal():
            raise CommandError(f"{option} {text!r} is not NAME=LENGTH, such as {option} batch=4.")
        if pairs.setdefault(name, int(length)) != int(length):
            raise CommandError(f"{option} gives {name!r} two lengths, {pairs[name]} and {length}.")
    return pairs


def check_folder(*targets: Path | str | None) -> None:
    """Make sure, before anything long begins, that each file to be written has a folder to be written to.

    Raises:
        CommandError: a folder is not there.
    """
    for target in targets:
        if target is not None and not Path(target).absolute().parent.is_dir():
            raise CommandError(f"There is no folder {Path(target).absolute().parent} to write {Path(target).name} to.")


def write_text(target: str, text: str) -> None:
    """Write ``text`` to a file, whole or not at all, or to stdout when ``target`` is ``-``.

    Raises:
        CommandError: the disk is full, or the file cannot be written.
    """
    if target == "-":
        click.echo(text, nl=not text.endswith("\n"))
        return
    path = Path(target).resolve()
    device = path.exists() and not path.is_file()  # /dev/null must not be replaced
    partial = path if device else path.with_name(f".{path.name[:200]}.part")
    try:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        partial.replace(path)
    except OSError as error:
        if not device:
            partial.unlink(missing_ok=True)
        raise CommandError(f"{plain(target)} cannot be written: {(error.strerror or str(error)).lower()}.") from error


# Words for people


def plain(text: str) -> str:
    """Return ``text`` without characters that could steer a terminal: names in a model are anybody's text."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def type_text(value: ValueType) -> str:
    """Return a value's type: ``float[batch, 16]``, with ``?`` for an unknown length, ``…`` for an unknown rank."""
    shape = "…" if value.shape is None else ", ".join("?" if dim is None else str(dim) for dim in value.shape)
    tensor = f"{value.dtype or '?'}[{shape}]"
    return plain(tensor if value.kind == "tensor" else f"{value.kind}({tensor})")


def count_text(count: float) -> str:
    """Return a large count with an SI prefix: ``25.6 M``."""
    for unit in ("", " k", " M", " G", " T"):
        if count < 1000 or unit == " T":
            break
        count /= 1000
    return f"{count:.0f}" if not unit else f"{count:.3g}{unit}"


def plural(count: int, noun: str) -> str:
    """Return ``1 node``, ``2 nodes``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def number(value: float | None, digits: int = 3) -> str:
    """Return a measured number in few digits; an en dash for none."""
    return "–" if value is None else f"{value:.{digits}g}"


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, indented by two; the first column gives way where the terminal is too narrow."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    room = (shutil.get_terminal_size().columns if sys.stdout.isatty() else 200) - sum(widths[1:]) - 2 * len(widths)
    widths[0] = min(widths[0], max(24, room))
    for row in cells:
        fitted = [shorten(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  " + "  ".join(fitted).rstrip())


def shorten(text: str, width: int) -> str:
    """Cut the middle out of a text that is longer than ``width``: names differ at their ends."""
    if len(text) <= width:
        return text
    tail = (width - 1) * 2 // 3
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"
