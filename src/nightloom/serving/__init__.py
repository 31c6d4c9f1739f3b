"""Trained models as a set of files that needs no nightloom: raw strings in, answers out."""
