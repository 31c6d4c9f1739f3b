"""Passwords and tokens: refused in settings, masked in messages, absent from links."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from nightloom.cache.locks import open_lock_file
from nightloom.errors import InputError, RunError
from nightloom.masking import masked
from nightloom.registry.aliases import file_url, list_models, model_url
from nightloom.registry.store import lock, open_client
from nightloom.settings.flows import ClassifyBert, ClassifyHub, ClassifyTransformer
from nightloom.settings.parse import parse_settings
from nightloom.tensors import write_tensors

SECRET = "hush4711"
LOGIN = f"https://user:{SECRET}@host.example/x"


@pytest.mark.parametrize(
    ("kind", "assignment"),
    [
        (ClassifyHub, f"model.encoder={LOGIN}"),
        (ClassifyHub, f"model.encoder=https://host.example/{'x' * 100}?token={SECRET}"),
        (ClassifyHub, f"model.preprocess={LOGIN}"),
        (ClassifyBert, f"model.checkpoint=hf_{SECRET}"),
        (ClassifyBert, f"model.revision=hf_{SECRET}"),
        (ClassifyTransformer, f"data.source={LOGIN}"),
        (ClassifyTransformer, f"register.name=https://{'long' * 30}:{SECRET}@host"),
        (ClassifyTransformer, f"train.epochs={LOGIN}"),
        (ClassifyTransformer, f"no.such={LOGIN}"),
        (ClassifyTransformer, LOGIN),
    ],
)
def test_settings_take_no_secrets(kind: type, assignment: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        parse_settings(kind, [assignment])
    assert SECRET not in str(caught.value)
    name, _, value = assignment.partition("=")
    config = tmp_path / "night.yaml"
    config.write_text(f"{name}: {value!r}\n")
    with pytest.raises(InputError) as caught:
        parse_settings(kind, config=config)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"cannot reach {LOGIN}: refused", "cannot reach https://***@host.example/x: refused"),
        (f"token=abc&x=1 signature={SECRET}", "token=***&x=1 signature=***"),
        (f"Authorization: Bearer {SECRET}", "Authorization: Bearer***"),
        ("hf_AbCdEf123 is not hf_source", "hf_*** is not hf_source"),
        ("name@champion of https://host/a@b", "name@champion of https://host/a@b"),
    ],
)
def test_messages_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert str(RunError(text)) == shown


def test_a_tracking_server_with_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"http://user:{SECRET}@127.0.0.1:9"
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for call in (list_models, open_client):
        with pytest.raises(RunError) as caught:
            call(uri)  # type: ignore[operator]
        assert SECRET not in str(caught.value)
    assert model_url(uri, "news", 3) == "http://127.0.0.1:9/#/models/news/versions/3"
    assert SECRET not in str(file_url(uri, "run", "a.png"))


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_files_follow_the_umask(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        os.close(open_lock_file(tmp_path / "a.lock"))
        with lock(tmp_path / "b.lock"):
            pass
        write_tensors({"w": np.zeros(2)}, tmp_path / "w.safetensors")
    finally:
        os.umask(before)
    for name in ("a.lock", "b.lock", "w.safetensors"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666 & ~mask


def test_a_lock_of_the_registry_is_never_a_link(tmp_path: Path) -> None:
    (tmp_path / "b.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="link"), lock(tmp_path / "b.lock"):
        pass
    assert not (tmp_path / "precious").exists()
