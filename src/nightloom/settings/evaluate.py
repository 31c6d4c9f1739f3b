"""How a trained model is scored."""

from pydantic import Field

from nightloom.settings.base import Settings


class EvaluateSettings(Settings):
    """How a trained model is scored on the test split."""

    batch_size: int = Field(default=256, ge=1, le=1_000_000)
    """Examples per forward pass."""
    worst: int = Field(default=20, ge=0, le=1000)
    """How many of the worst mistakes are kept for inspection."""
