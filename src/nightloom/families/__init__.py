"""One module per learner: how a model is created, batched, stored and restored.

The stages are the same for every family and call these modules' hooks, which are `base.Hooks`; the
families' records (`nightloom.records`) name the modules.
"""
