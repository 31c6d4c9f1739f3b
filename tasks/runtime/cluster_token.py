"""Ray's token: whether a cluster asks for one, and whether ours is its own.

Ray says neither: it tries for half a minute, and then calls the cluster not reachable.
"""

import os
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult

from nightloom.errors import InputError

MODE = "RAY_AUTH_MODE"
TOKEN = "RAY_AUTH_TOKEN"
FILE = "RAY_AUTH_TOKEN_PATH"
DEFAULT_FILE = Path("~/.ray/auth_token")
_CALLS = {
    "": "/ray.rpc.NodeInfoGcsService/GetClusterId",
    "ray": "/ray.rpc.RayletDriver/ClusterInfo",
}
"""By the address' scheme, a question that a cluster answers to whom it knows."""


def use_token(address: str, place: SplitResult, *, seconds: float) -> None:
    """Have Ray send its token if this cluster asks for one; `RAY_AUTH_MODE` is then `token`.

    Raises:
        InputError: The cluster asks for a token, and there is none here, or another one; or none is
            asked for, and Ray is told to send one that is not there.
    """
    mode = os.environ.get(MODE, "")
    if mode not in ("", "token", "disabled") or place.scheme not in _CALLS:
        return
    refuses = partial(_refuses, place.netloc, _CALLS[place.scheme], seconds=seconds)
    if not refuses(None):
        if mode == "token" and _token() is None:
            raise InputError(
                f"expected a token for {MODE}=token, got none; the Ray cluster at {address} asks "
                f"for none: unset {MODE}"
            )
        return
    if mode == "disabled":
        raise InputError(
            f"expected a token for the Ray cluster at {address}, got {MODE}=disabled; unset {MODE}"
        )
    token = _token()
    if token is None or refuses(token):
        raise InputError(
            f"expected the token of the Ray cluster at {address}, got "
            f"{'none' if token is None else 'another one'}; copy ~/.ray/auth_token of its head "
            f"to this machine, or see {FILE}"
        )
    os.environ[MODE] = "token"


def _refuses(target: str, call: str, token: str | None, *, seconds: float) -> bool:
    """Whether a cluster asks whoever has this token, or none, for one."""
    import grpc

    sent = None if token is None else (("authorization", f"Bearer {token}"),)
    with grpc.insecure_channel(target, options=(("grpc.enable_http_proxy", 0),)) as channel:
        try:
            channel.unary_unary(call)(b"", timeout=seconds, metadata=sent)
        except grpc.RpcError as error:
            return bool(error.code() == grpc.StatusCode.UNAUTHENTICATED)
    return False


def _token() -> str | None:
    """The token here, in Ray's order: variable, named file, file in the user's folder."""
    if given := os.environ.get(TOKEN, "").strip():
        return given
    try:
        file = Path(os.environ.get(FILE) or DEFAULT_FILE).expanduser()
        return file.read_text().strip() or None
    except (OSError, ValueError):
        return None
