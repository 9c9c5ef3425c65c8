"""The comparison engine: pairing, float64 metrics, tolerance, modes and the verdict."""
