"""`python -m nightloom`."""

from nightloom.cli.main import main

main()
