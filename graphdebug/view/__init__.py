"""What is drawn: scope tree, layered layout, scenes packed for the browser, DOT and SVG."""
