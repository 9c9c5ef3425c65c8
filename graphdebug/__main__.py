"""``python -m graphdebug`` is the command line."""

from graphdebug.cli import main

main()
