"""Sizes in words, the same ones on every page, in messages and at the terminal."""


def size_text(count: float) -> str:
    """Return bytes in decimal units, as file managers show them: ``12 B``, ``435 MB``, ``4.29 GB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"
