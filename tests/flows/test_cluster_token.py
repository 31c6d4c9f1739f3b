"""When Ray sends its token, by what the cluster asks for and `RAY_AUTH_MODE` says: what a server on
127.0.0.1 answers to the question that is asked of a cluster."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from nightloom.errors import InputError
from nightloom.tasks.runtime.cluster_token import FILE, MODE, TOKEN, use_token

if find_spec("grpc") is None:
    pytest.skip("gRPC is not installed", allow_module_level=True)
import grpc

OURS = "a token that only this test knows"


class Head(grpc.GenericRpcHandler):
    """A cluster that asks for a token, or for none."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        sent = dict(details.invocation_metadata).get("authorization")
        refused = self._token is not None and sent != f"Bearer {self._token}"

        def answer(_: bytes, context: grpc.ServicerContext) -> bytes:
            if refused:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a head with the token that the test is parametrized with."""
    server = grpc.server(ThreadPoolExecutor(1), handlers=(Head(request.param),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No variable of Ray's, and no token in the user's folder."""
    for name in (MODE, TOKEN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(FILE, str(tmp_path / "auth_token"))
    return monkeypatch


def ask(address: str, scheme: str) -> str:
    """The mode that Ray is left with."""
    use_token(address, urlsplit(f"{scheme}//{address}"), seconds=10)
    return os.environ.get(MODE, "")


@pytest.mark.parametrize("scheme", ["", "ray:"])
@pytest.mark.parametrize("cluster", [None], indirect=True)
@pytest.mark.parametrize(("mode", "token"), [("", ""), ("disabled", ""), ("disabled", OURS),
                                             ("token", OURS), ("", OURS)])  # fmt: skip
def test_a_cluster_without_tokens_takes_every_mode_as_it_is(cluster, told, scheme, mode, token):
    told.setenv(MODE, mode)
    told.setenv(TOKEN, token)
    assert ask(cluster, scheme) == mode


@pytest.mark.parametrize("scheme", ["", "ray:"])
@pytest.mark.parametrize("cluster", [OURS], indirect=True)
@pytest.mark.parametrize("mode", ["", "token"])
def test_a_cluster_with_tokens_is_sent_ours(cluster, told, scheme, mode, tmp_path):
    told.setenv(MODE, mode)
    (tmp_path / "auth_token").write_text(f"{OURS}\n")
    assert ask(cluster, scheme) == "token"


@pytest.mark.parametrize(
    ("cluster", "mode", "token", "said"),
    [
        (OURS, "", "", "expected the token of the Ray cluster at .*, got none; copy"),
        (OURS, "token", "another", "expected the token of the Ray cluster at .*, got another one"),
        (OURS, "disabled", OURS, "got RAY_AUTH_MODE=disabled; unset RAY_AUTH_MODE"),
        (None, "token", "", "a token for RAY_AUTH_MODE=token, got none; .* unset RAY_AUTH_MODE"),
    ],
    indirect=["cluster"],
)
def test_what_cannot_work_is_one_line(cluster, told, mode, token, said):
    told.setenv(MODE, mode)
    told.setenv(TOKEN, token)
    with pytest.raises(InputError, match=said) as caught:
        ask(cluster, "")
    assert "\n" not in str(caught.value)
    assert not token or token not in str(caught.value).replace("another one", "")
