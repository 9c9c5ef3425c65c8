"""A comparison as something to hand over: one HTML file, JSON with a schema, CSV."""
