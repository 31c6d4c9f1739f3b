"""What clients of the server read and write as the places of files, and what its store has."""

from pathlib import Path

import pytest

from nightloom.registry.files.locations import Locations


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "ein Hüttchen" / "mlartifacts"
    folder.mkdir(parents=True)
    return folder


def test_a_message_comes_back_as_it_went(files):
    root = files.as_uri()
    kept = {
        "run": {"info": {"artifact_uri": f"{root}/news/1/artifacts", "name": f"{root}/x"}},
        "model_versions": [{"source": f"{root}/news/models/m-1/artifacts"}, {"source": "s3://a/b"}],
        "tags": [{"key": "mlflow.artifactLocation", "value": f"{root}/1/traces/t/artifacts"}],
        "more": [
            {"key": "source", "value": f"{root}/a"},
            {"source": files.parent.as_uri()},
            1,
            None,
        ],
    }
    at = Locations.below(files)
    told = at.outward(kept)
    assert told["run"]["info"] == {
        "artifact_uri": "mlflow-artifacts:/news/1/artifacts", "name": f"{root}/x"
    }  # fmt: skip
    assert [one["source"] for one in told["model_versions"]] == [
        "mlflow-artifacts:/news/models/m-1/artifacts", "s3://a/b"
    ]  # fmt: skip
    assert told["tags"][0]["value"] == "mlflow-artifacts:/1/traces/t/artifacts"
    assert told["more"] == kept["more"]
    assert at.inward(told) == kept


def test_every_name_of_the_folder_is_known_and_one_is_written(files, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(files.parent)
    at = Locations.below(link / "mlartifacts")
    for given in (files.as_uri(), str(files), str(link / "mlartifacts")):
        assert at.outward({"source": f"{given}/a b"}) == {"source": "mlflow-artifacts:/a b"}
    written = at.inward({"source": "mlflow-artifacts:/a"})
    assert written == {"source": f"{(link / 'mlartifacts').as_uri()}/a"}


@pytest.mark.parametrize(
    "elsewhere",
    ["../up", "a/../../up", "%2e%2e/up", "%252e%252e/up", "a/..%2fup", "/other.host/a", "a//b", ""],
)
def test_what_may_lead_out_of_the_folder_stays_as_it_is(files, elsewhere):
    at = Locations.below(files)
    for given in (f"mlflow-artifacts:/{elsewhere}", f"{files.as_uri()}/{elsewhere}"):
        assert at.inward({"source": given}) == at.outward({"source": given}) == {"source": given}


def test_a_search_for_a_place_finds_it(files):
    at = Locations.below(files)
    asked = "name = 'mlflow-artifacts:/a' and source_path='mlflow-artifacts:/a' and run_id = 'r'"
    wanted = f"name = 'mlflow-artifacts:/a' and source_path='{files.as_uri()}/a' and run_id = 'r'"
    assert at.searched(asked) == wanted
    assert at.inward({"filter": asked}) == {"filter": wanted}
