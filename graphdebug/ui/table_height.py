"""How high a table is, said before it is drawn: what is below it does not move when it comes."""

_LINE = 35
_FRAME = 3


def table_height(lines: int, most: int = 10) -> int:
    """Return the pixels of a table of so many lines and its header; beyond ``most`` lines it scrolls."""
    return _FRAME + _LINE * (1 + max(1, min(lines, most)))
