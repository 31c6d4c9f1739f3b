"""nightloom: nightly retraining of transformer text models, as flows that can be trusted."""

__version__ = "0.1.0"
