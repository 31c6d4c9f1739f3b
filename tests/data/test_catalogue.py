"""Versions of TensorFlow Datasets, read from its code."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from nightloom.data.sources.catalogue import version_of


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ag_news_subset", "1.0.0"),
        ("ag_news_subset:0.9.0", "0.9.0"),
        ("imdb_reviews/plain_text", "1.0.0"),
        ("no_such_data", f"tensorflow-datasets {version('tensorflow-datasets')}"),
        ("../../etc", f"tensorflow-datasets {version('tensorflow-datasets')}"),
    ],
)
def test_versions_as_the_library_has_them(name: str, found: str) -> None:
    assert version_of(name) == found


def test_the_library_is_not_imported() -> None:
    look = (
        "import sys; from nightloom.data.sources.catalogue import version_of; "
        "version_of('ag_news_subset'); print('tensorflow_datasets' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
