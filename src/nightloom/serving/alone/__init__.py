"""SavedModels asked in a process of their own, which knows nothing of nightloom."""
