"""Times as the database keeps them: seconds since 1970, UTC."""

from datetime import UTC, datetime


def now() -> float:
    """Return the time."""
    return datetime.now(UTC).timestamp()


def time_of(timestamp: float) -> datetime:
    """Return a kept time."""
    return datetime.fromtimestamp(timestamp, UTC)
