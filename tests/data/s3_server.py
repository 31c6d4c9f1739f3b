"""An S3 store on 127.0.0.1 (moto's server), with an empty bucket."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nightloom.data.sources import states


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    pytest.importorskip("s3fs", reason="s3fs is not installed (the extra s3)")
    moto = pytest.importorskip("moto.server", reason="moto is not installed (the extra test)")
    one = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    one.start()
    host, port = one.get_host_and_port()
    yield f"http://{host}:{port}"
    one.stop()


@pytest.fixture
def bucket(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket `news` and its client."""
    import boto3

    (tmp_path / "home").mkdir()
    for name, value in {
        "NIGHTLOOM_HOME": str(tmp_path / "home"),
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "hush4711",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    states.forget()
    found = boto3.resource("s3").Bucket("news")
    found.create()
    yield found
    found.objects.all().delete()
    found.delete()
    states.forget()


def put(bucket: Any, name: str, text: str) -> None:
    bucket.put_object(Key=name, Body=text.encode())
