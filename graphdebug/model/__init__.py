"""A model on disk and in memory: open, index, check, infer shapes, summarise, read values, save."""
