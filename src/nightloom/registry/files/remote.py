"""Whether the files of a version are there that an MLflow server keeps: asked for, not fetched."""

from collections.abc import Iterator
from typing import Any

from nightloom.registry.files.whole import FILES, read_list
from nightloom.registry.server import TIMEOUT, login


def damage(
    tracking_uri: str, *, name: str, version: int, model_id: str, sealed: str
) -> dict[str, str]:
    """What is missing or of another size, by file; digests are compared when they are fetched.

    A server that does not answer, or cannot list files, is no reason: nothing is known to be wrong.
    """
    import httpx

    base = tracking_uri.rstrip("/")
    try:
        with httpx.Client(base_url=base, timeout=TIMEOUT, **login()) as http:
            sizes = dict(_sizes(http, model_id, ""))
            if FILES not in sizes:
                return {FILES: "is missing"}
            query = {"name": name, "version": str(version), "path": FILES}
            answer = http.get("/model-versions/get-artifact", params=query).raise_for_status()
            files = read_list(answer.content, sealed)
    except (httpx.HTTPError, ValueError, KeyError):
        return {}
    if files is None:
        return {FILES: "was altered"}
    found = {}
    for path, recorded in files.items():
        if path not in sizes:
            found[path] = "is missing"
        elif sizes[path] != recorded["size"]:
            found[path] = f"has {sizes[path]} bytes, expected {recorded['size']}"
    return found


def _sizes(http: Any, model_id: str, folder: str) -> Iterator[tuple[str, int]]:
    """Size of each file below a folder of a logged model, by its path."""
    url = f"/api/2.0/mlflow/logged-models/{model_id}/artifacts/directories"
    query = {"artifact_directory_path": folder} if folder else {}
    while True:
        answer = http.get(url, params=query).raise_for_status().json()
        for one in answer.get("files", ()):
            if one.get("is_dir"):
                yield from _sizes(http, model_id, one["path"])
            else:
                yield one["path"], int(one.get("file_size", 0))
        if not answer.get("next_page_token"):
            return
        query["page_token"] = answer["next_page_token"]
