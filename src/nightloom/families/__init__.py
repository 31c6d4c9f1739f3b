"""One module a learner: how a model is created, laid out in batches, stored and restored.

The stages are the same for every family and call these modules' hooks, which are `base.Hooks`; the
families' records (`nightloom.records`) name the modules.
"""
