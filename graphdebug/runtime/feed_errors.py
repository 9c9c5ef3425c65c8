"""The error of everything that makes feeds."""


class FeedError(Exception):
    """An input cannot be fed as asked; the message is one sentence that names the input."""

    def __init__(self, name: str, problem: str) -> None:
        """Say what the problem is with input ``name``; ``problem`` continues the sentence ``Input x …``."""
        super().__init__(f"Input {name!r} {problem}.")
