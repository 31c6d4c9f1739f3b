"""The models of each family, behind one contract (`contract.py`)."""
