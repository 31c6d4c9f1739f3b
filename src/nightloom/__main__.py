"""`python -m nightloom`."""

from nightloom.cli.entry import main

main()
