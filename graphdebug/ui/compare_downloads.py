"""A comparison as files to hand over: HTML, JSON and CSV."""

from graphdebug.compare.records import CompareResult
from graphdebug.workspace.entries import JobEntry, ModelEntry


def downloads(entry: ModelEntry, job: JobEntry, result: CompareResult) -> None:
    """Offer the three reports; each is made when its button is pressed."""
