"""One module a family of models: how it is created, laid out in batches, stored and restored.

The stages are the same for every family and load its module by name; what a family's module must
have is `base.Family`.
"""
