"""The error of everything that makes feeds."""


class FeedError(Exception):
    """An input cannot be fed as asked; the message is one sentence that names the input."""

    def __init__(self, name: str, problem: str) -> None:
        """Say what the problem is with input ``name``; ``problem`` continues the sentence ``Input x …``."""
        super().__init__(f"Input {name!r} {problem}.")


class DimError(FeedError):
    """A length was given for a dimension that no input has."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        """Say which symbolic dimensions there are instead."""
        there = f"there are {', '.join(map(repr, known))}" if known else "all are fixed"
        Exception.__init__(self, f"No input has a symbolic dimension {name!r}: {there}.")
