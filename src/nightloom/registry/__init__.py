"""Which model serves: the gate that decides, and the MLflow registry that remembers."""
