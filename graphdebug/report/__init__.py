"""What is handed over: HTML, JSON and CSV."""
