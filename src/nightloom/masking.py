"""Secrets in text, such as passwords in URLs and hub tokens, which are never shown or stored."""

import re

_VARIABLE = r"\$\{\w+\}"
"""A reference to an environment variable, which is not a secret."""
_IN_QUERIES = "sig|sign|key|api[_-]?key|auth|authorization|pass|passwd|pwd|[a-z-]*credential"
_SECRETS = (
    (re.compile(r"hf_(?=[a-z]*[A-Z0-9])[A-Za-z0-9]+"), "hf_***"),
    (re.compile(rf"(://)(?!(?:(?:[\w.-]+|{_VARIABLE}):)?{_VARIABLE}@)[^/@\s]+@"), r"\1***@"),
    (
        re.compile(
            rf"(?i)(bearer|(?:token|signature|password|secret)=|[?&](?:{_IN_QUERIES})=)"
            rf"\s*(?!{_VARIABLE}(?:\W|$))[^\s&]+"
        ),
        r"\1***",
    ),
)


def masked(text: str) -> str:
    """The text with every secret replaced by ***."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def holds_secret(text: str) -> bool:
    """Whether there is a secret in the text."""
    return any(pattern.search(text) for pattern, _ in _SECRETS)


def without_login(url: str) -> str:
    """A URL without user name and password."""
    return re.sub(r"(://)[^/@\s]+@", r"\1", url)
