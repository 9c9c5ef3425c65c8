"""HTTP routes beside the pages: uploads and downloads as streams, scenes and details for the graph view."""
