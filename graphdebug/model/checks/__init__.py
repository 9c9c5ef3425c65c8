"""Rules that a model should keep, by subject. Each yields findings in file order; `check.py` joins them."""
