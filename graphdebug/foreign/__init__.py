"""Scripts that other interpreters run: an engine that does not live in our environment, or a network in its author's.

They need Python 3.8, numpy and the engine's own package, and import nothing of graphdebug but what lies in this
folder. `runtime/foreign.py` starts them and holds the other end.
"""
