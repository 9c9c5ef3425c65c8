"""What differs between two models: said of them, their interface, nodes, wiring and weights; matched by structure."""
