"""The formats that trained models are written in: a record each, with the code that writes.

A format knows which models it can write; families know of no format.
"""
