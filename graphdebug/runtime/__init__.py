"""Running models: backends behind one protocol, feeds, taps, statistics, the worker process and its limits."""
