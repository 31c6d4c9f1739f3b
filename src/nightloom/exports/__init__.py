"""Export formats of trained models: a record each, with the code that writes it.

A format knows which models it can write; families know nothing of formats.
"""
