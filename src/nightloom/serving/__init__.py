"""Trained models as one file set that needs no nightloom: raw strings in, answers out."""
