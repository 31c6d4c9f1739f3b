"""Files on a web server: known before they are fetched, fetched whole, and once."""

import datetime
import gzip
import ipaddress
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nightloom.cache.key import differences
from nightloom.data.build import build_dataset
from nightloom.data.sources import states
from nightloom.data.sources.opened import check_source, source_identity
from nightloom.downloads import retrying, transfer
from nightloom.errors import InputError, RunError
from nightloom.settings.data import EntityDataSettings, TextDataSettings
from nightloom.sources import source_named
from tests.data.web_server import Page, Web, serve
from tests.tfhub.tfhub_server import Listener

ROWS = "text,label\n" + "".join(f"row number {n},{'ab'[n % 2]}\n" for n in range(60))


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("NIGHTLOOM_HOME", str(home))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr(retrying, "WAIT", 0.01)
    states.forget()
    with serve() as server:
        yield server
    states.forget()


def page(text: str | bytes = ROWS, etag: str = '"1"', **headers: str) -> Page:
    body = text if isinstance(text, bytes) else text.encode()
    return Page(body, {"ETag": etag, "Content-Type": "text/csv", **headers})


def settings(url: str, **more: Any) -> TextDataSettings:
    return TextDataSettings(source=url, **more)


def build(given: Any, out: Path, report: Any = None) -> dict[str, Any]:
    """As a run does: looked at, then read."""
    states.forget()
    expected = source_identity(given)
    return build_dataset(given, out, report or Listener(), expected=expected)


def test_a_file_is_asked_for_by_its_headers_and_fetched_when_they_change(
    web: Web, tmp_path: Path
) -> None:
    web.pages["/a/news.csv"] = page()
    given = settings(f"{web.url}/a/news.csv")
    first = source_identity(given)
    assert web.requests == ["HEAD /a/news.csv"]
    assert {first["etag"], first["bytes"]} == {'"1"', len(ROWS)}
    facts = build(given, tmp_path / "one")
    assert sum(facts["rows"].values()) == 60
    assert facts["source"]["address"] == given.source
    build(given, tmp_path / "again")
    assert [one for one in web.requests if one.startswith("GET")] == ["GET /a/news.csv"]
    web.pages["/a/news.csv"] = page(ROWS + "one more,a\n", etag='"2"')
    states.forget()
    second = source_identity(given)
    rest: dict[str, Any] = {"settings": {}, "inputs": {}, "code": {}, "libraries": {}}
    before, after = ({**rest, "external": {"data.source": one}} for one in (first, second))
    assert differences(before, after) == [
        f'data.source changed: bytes {len(ROWS):,} → {len(ROWS) + 11:,}, etag "1" → "2"'
    ]
    assert sum(build(given, tmp_path / "two")["rows"].values()) == 61


def test_a_server_that_is_away_leaves_what_was_last_known_or_fails(
    web: Web, tmp_path: Path
) -> None:
    web.pages["/news.csv"] = page()
    given, strict = (settings(f"{web.url}/news.csv", offline=how) for how in ("use", "fail"))
    first = source_identity(given)
    build(given, tmp_path / "one")
    web.pages["/news.csv"] = Page(status=503)
    states.forget()
    assert source_identity(given) == first
    told = source_named(given.source).told(given)
    assert "cannot be reached (the server answers 503 Service Unavailable)" in told
    assert told.endswith("s ago")
    changed = settings(given.source, seed=5)
    assert build(changed, tmp_path / "two")["rows"], "the file lies in the home"
    with pytest.raises(RunError, match="data.offline=fail allows nothing older"):
        source_identity(strict)
    web.pages["/other.csv"] = Page(status=503)
    with pytest.raises(RunError, match="503 Service Unavailable.*never reached before"):
        source_identity(settings(f"{web.url}/other.csv"))
    with pytest.raises(InputError, match="404 Not Found; there is no such file, check the address"):
        source_identity(settings(f"{web.url}/gone.csv"))


def test_servers_that_say_little_are_known_by_what_they_send(web: Web, tmp_path: Path) -> None:
    plain = Page(ROWS.encode(), {"Content-Type": "application/octet-stream"})
    web.pages["/bare.csv"] = plain
    web.pages["/get.csv"] = Page(ROWS.encode(), {"ETag": '"7"'}, knows_head=False)
    bare, get = settings(f"{web.url}/bare.csv"), settings(f"{web.url}/get.csv")
    assert source_identity(get)["etag"] == '"7"'
    assert len(source_identity(bare)["sha256"]) == 64
    asked = len(web.requests)
    assert sum(build_dataset(bare, tmp_path / "out")["rows"].values()) == 60
    assert len(web.requests) == asked, "what was digested is read"
    states.forget()
    before = source_identity(bare)
    plain.body += b"one more,a\n"
    states.forget()
    assert source_identity(bare)["sha256"] != before["sha256"]


def test_redirects_gzip_names_charsets_and_pages(web: Web, tmp_path: Path) -> None:
    zipped = gzip.compress(ROWS.encode())
    web.pages["/latest"] = Page(status=302, headers={"Location": "/x/news-11.csv"})
    web.pages["/x/news-11.csv"] = page(zipped, **{"Content-Encoding": "gzip"})
    web.pages["/export?day=1"] = page(**{"Content-Disposition": 'attachment; filename="a b.csv"'})
    web.pages["/typed"] = page(**{"Content-Type": "text/csv; charset=ISO-8859-1"})
    web.pages["/login.csv"] = page("<html>", **{"Content-Type": "text/html"})
    web.pages["/thing"] = page(**{"Content-Type": "application/octet-stream"})
    for path in ("/latest", "/export?day=1"):
        assert sum(build(settings(web.url + path), tmp_path / "o")["rows"].values()) == 60
    listener = Listener()
    build(settings(f"{web.url}/typed"), tmp_path / "o", listener)
    assert any("says charset=iso-8859-1, but it is read as utf-8" in one for one in listener.lines)
    with pytest.raises(InputError, match=r"expected a file of rows, got a page \(text/html\)"):
        source_identity(settings(f"{web.url}/login.csv"))
    with pytest.raises(InputError, match=r"application/octet-stream\) says what it is"):
        build(settings(f"{web.url}/thing"), tmp_path / "o")
    web.pages["/a.jsonl"] = page('{"text": "a", "label": "b"}\n')
    with pytest.raises(InputError, match="data.quoted=true is for CSV and TSV"):
        build(settings(f"{web.url}/a.jsonl", quoted=True), tmp_path / "o")
    conll = "".join(f"word{n} B-X\n\n" for n in range(60))
    web.pages["/tags.txt"] = page(conll, **{"Content-Type": "text/plain"})
    assert build(EntityDataSettings(source=f"{web.url}/tags.txt"), tmp_path / "o")["rows"]


def test_what_is_cut_short_or_changes_meanwhile_is_not_read(web: Web, tmp_path: Path) -> None:
    web.pages["/short.csv"] = page()
    web.pages["/short.csv"].short = 9
    given = settings(f"{web.url}/short.csv")
    with pytest.raises(
        RunError, match=rf"broke off at {len(ROWS)} of {len(ROWS) + 9} bytes, tried"
    ):
        build(given, tmp_path / "o")
    assert not list((tmp_path / "home" / "sources" / "files").iterdir())
    web.pages["/moving.csv"] = page()
    moving = settings(f"{web.url}/moving.csv")
    expected = source_identity(moving)
    web.pages["/moving.csv"] = page(ROWS + "late,a\n", etag='"2"')
    with pytest.raises(RunError, match="changed while it was being read; run again"):
        build_dataset(moving, tmp_path / "o", expected=expected)


def test_what_came_before_a_server_fell_silent_is_kept(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TIMEOUT", 0.3)
    monkeypatch.setattr(transfer, "TRIES", 2)
    web.pages["/silent.csv"] = page()
    web.pages["/silent.csv"].short, web.pages["/silent.csv"].hold = 9, threading.Event()
    with pytest.raises(RunError, match=rf"broke off at {len(ROWS)} of {len(ROWS) + 9} bytes"):
        build(settings(f"{web.url}/silent.csv"), tmp_path / "o")
    web.pages["/silent.csv"].hold.set()


def test_logins_stand_in_the_environment_and_are_never_shown(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = web.url.removeprefix("http://")
    secret = "hush/4711"
    monkeypatch.setenv("NEWS_KEY", secret)
    web.pages["/news.csv?key=hush/4711"] = page()
    given = settings(f"http://we:${{NEWS_KEY}}@{host}/news.csv?key=${{NEWS_KEY}}")
    facts = build(given, tmp_path / "o")
    assert web.logins[0] == "Basic d2U6aHVzaC80NzEx"
    web.pages.clear()
    states.forget()
    with pytest.raises(InputError) as caught:
        source_identity(given)
    assert "hush" not in str(caught.value) + str(facts)
    files = [one for one in (tmp_path / "home").rglob("*") if one.is_file()]
    assert files and not any("hush" in str(one) or b"hush" in one.read_bytes() for one in files)
    for bad in (
        f"http://we:x1y2@{host}/n.csv",
        f"{web.url}/n.csv?sig=x1y2",
        f"{web.url}/?key=x1y2",
    ):
        with pytest.raises(ValueError, match="NAME.* in an address stands for") as refused:
            settings(bad)
        assert "x1y2" not in str(refused.value).partition("[type=")[0]
    monkeypatch.delenv("NEWS_KEY")
    with pytest.raises(InputError, match="the environment has no variable NEWS_KEY"):
        check_source(given)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password pass\n")
    (tmp_path / "netrc").chmod(0o600)
    web.pages["/own.csv"] = page()
    source_identity(settings(f"{web.url}/own.csv"))
    assert web.logins[-1] == "Basic bWU6cGFzcw=="


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """That of 127.0.0.1, signed by itself, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, encoding = tmp_path / "server.pem", serialization.Encoding.PEM
    none = serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, none)
    pem.write_bytes(private + made.public_bytes(encoding))
    return pem


def test_an_authority_of_ones_own_is_trusted_where_it_is_named(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(retrying, "WAIT", 0.01)
    states.forget()
    with serve(certificate) as secure:
        secure.pages["/news.csv"] = page()
        given = settings(f"{secure.url}/news.csv")
        with pytest.raises(RunError, match=r"certificate is not trusted: .*set SSL_CERT_FILE to"):
            source_identity(given)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert sum(build(given, tmp_path / "o")["rows"].values()) == 60
    states.forget()
