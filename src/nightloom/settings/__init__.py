"""Settings: frozen pydantic models that forbid unknown keys; one tree per flow."""
