"""What cannot be split or recorded, in words for the user."""


class ExtractError(Exception):
    """A model cannot be taken apart as asked; the message is one sentence that names the thing and the way out."""
