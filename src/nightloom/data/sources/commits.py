"""The current commit of a revision on the Hugging Face hub, or the last known one."""

import os
from collections.abc import Mapping
from typing import Any

from nightloom.data.sources.states import Key, State, current
from nightloom.downloads.retrying import Passing, is_passing
from nightloom.downloads.words import one_line

SECONDS = 10.0
"""How long the hub may take to answer."""


def commit_key(name: str, revision: str | None) -> Key:
    """What tells a data set's revision on the hub that is asked from others."""
    return (name, revision, os.environ.get("HF_ENDPOINT", ""))


def current_commit(name: str, revision: str | None) -> State:
    """The commit (`id`) of a data set's revision (None: its main branch)."""
    return current(commit_key(name, revision), lambda: _asked(name, revision))


def _asked(name: str, revision: str | None) -> Mapping[str, Any] | None:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        found = HfApi().dataset_info(name, revision=revision, timeout=SECONDS)
    except HfHubHTTPError as error:
        if error.response.status_code < 500:
            return None  # an answer: the download reports it
        raise Passing(one_line(error)) from error
    except OfflineModeIsEnabled as error:
        raise Passing("HF_HUB_OFFLINE forbids the network") from error
    except Exception as error:
        if not is_passing(error):
            raise
        raise Passing(one_line(error) or type(error).__name__) from error
    return None if found.sha is None else {"id": found.sha}
