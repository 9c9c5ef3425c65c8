"""How fast backends are: measured in turns, each in a process of its own, with the statistics that say how sure."""
