"""What `check_data` found, at the version that came of the data.

Nothing of it is in a key: the run says which check it was.
"""

import json
from pathlib import Path

from nightloom.cache.store import KEY, MANIFEST, ArtifactStore, Damaged
from nightloom.context import BuildContext
from nightloom.data.checks.profile import SUMMARY_FILE
from nightloom.registry.reading import LONGEST
from nightloom.registry.versions import CHECK_TAG, SUMMARY_TAG

CHECK = "check_data"
"""The stage, and the folder of its files at the version."""
RUN_FACT = "check"


def checked(context: BuildContext) -> dict[str, dict[str, str]]:
    """The check of this run's data, as a part of what a version was made from."""
    check = context.run.get(RUN_FACT)
    return {CHECK: {name: check[name] for name in ("key", "digest")}} if check else {}


def check_files(context: BuildContext) -> dict[str, Path]:
    """What the check of the data found, by their names at the version."""
    check = context.run.get(RUN_FACT)
    if not check:
        return {}
    store = ArtifactStore(context.home)
    path = store.path(CHECK, check["key"])
    try:
        store.verify(path)
    except (Damaged, OSError):  # swept meanwhile
        return {}
    names = (file for file in sorted(path.iterdir()) if file.name not in (KEY, MANIFEST))
    return {f"{CHECK}/{file.name}": file for file in names}


def check_tags(context: BuildContext) -> dict[str, str]:
    """What the check said, and the data in a few numbers, where they are not too long for tags."""
    check, files = context.run.get(RUN_FACT), check_files(context)
    if not check or not files:
        return {}
    found = {
        CHECK_TAG: json.dumps(check["note"], ensure_ascii=False),
        SUMMARY_TAG: files[f"{CHECK}/{SUMMARY_FILE}"].read_text("utf-8"),
    }
    return {tag: value for tag, value in found.items() if len(value) <= LONGEST}
