"""What answers with an exported model. Every version carries a copy, for MLflow's own interface.

So the modules here import each other and libraries, nothing else of nightloom; `nightloom predict`
answers with the same code.
"""
