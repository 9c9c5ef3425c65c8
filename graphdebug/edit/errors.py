"""What an edit says when it cannot be done."""


class EditError(ValueError):
    """The edit cannot be done, and nothing was changed; the message is one sentence that names the thing at fault."""


class UnknownTypeError(EditError):
    """The types of some values would have to be known; ``names`` are theirs."""

    def __init__(self, message: str, names: tuple[str, ...]) -> None:
        """Say so, and of which values."""
        super().__init__(message)
        self.names = names
