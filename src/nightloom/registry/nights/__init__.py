"""What is kept of each night: a small record in MLflow, whatever else is tidied up."""
