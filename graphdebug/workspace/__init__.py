"""What survives a refresh or a restart: an SQLite database and folders of files."""
