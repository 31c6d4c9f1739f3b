"""The models of each family, behind one interface (`contract.py`)."""
