"""Prediction with an exported model. Every version carries a copy, for MLflow's own interface.

So the modules here import only each other and libraries, nothing else of nightloom;
`nightloom predict` uses the same code.
"""
