"""What an edit says when it cannot be done."""


class EditError(ValueError):
    """The edit cannot be done, and nothing was changed; the message is one sentence that names the thing at fault."""
