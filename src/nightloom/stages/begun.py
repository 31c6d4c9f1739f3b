"""That `register` began to judge a version: where it is killed, its next build knows it decided.

It lies where a build's checkpoints do, so it goes with the build that ends.
"""

import json
from dataclasses import asdict, dataclass
from typing import Self

from nightloom.context import BuildContext
from nightloom.registry.versions import Version

FILE = "judged.json"


@dataclass(frozen=True)
class Begun:
    """A judgement that was begun: of a version, beside the champion then."""

    version: int
    champion: int | None

    def keep(self, context: BuildContext) -> None:
        """Write it down, in place of an earlier one."""
        context.checkpoints.mkdir(parents=True, exist_ok=True)
        written = context.checkpoints / f"{FILE}.new"
        written.write_text(json.dumps(asdict(self)), encoding="utf-8")
        written.replace(context.checkpoints / FILE)

    @classmethod
    def of(cls, context: BuildContext, version: Version) -> Self | None:
        """What a build of this key that was killed began about the version, if anything."""
        try:
            found = cls(**json.loads((context.checkpoints / FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return found if found.version == version.version else None
