"""How many cases the property tests of this room try: NIGHTLOOM_FUZZ_CASES, else a few."""

import os

from hypothesis import settings

settings.register_profile(
    "data", max_examples=int(os.environ.get("NIGHTLOOM_FUZZ_CASES", "100")), deadline=None
)
settings.load_profile("data")
