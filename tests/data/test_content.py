"""Files that are no text are known by their first bytes; texts that look like them are texts."""

import gzip
import io
import pickle
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from nightloom.data.formats.content import no_text

TEXT = "id,text\n1,Grüße aus Köln\n"


def zipped(name: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(name, TEXT)
    return sink.getvalue()


def tarred() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return sink.getvalue()


def parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": ["a"]}), sink)
    return bytes(sink.getvalue().to_pybytes())


def feather() -> bytes:
    sink = io.BytesIO()
    pyarrow.feather.write_feather(pa.table({"text": ["a"]}), sink)
    return sink.getvalue()


def array() -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.arange(3))
    return sink.getvalue()


FILES = {
    "gzip data": gzip.compress(TEXT.encode()),
    "a zip archive": zipped("a.txt"),
    "an Excel or Word file": zipped("[Content_Types].xml"),
    "a tar archive": tarred(),
    "a Parquet file": parquet(),
    "an Arrow or Feather file": feather(),
    "a NumPy array": array(),
    "a pickle": pickle.dumps({"text": TEXT}),
    "a PNG picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "a JPEG picture": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "text in utf-16": TEXT.encode("utf-16"),
    "text in utf-16-le": TEXT.encode("utf-16-le"),
    "text in utf-16-be": TEXT.encode("utf-16-be"),
    "text in utf-32": TEXT.encode("utf-32"),
}
TEXTS = [
    "", "a", "PK", "ORC attack\n", "ID3 tags", "RIFF raff", "BZh9 is a magic", "Rar! he said",
    "\ufeff" + TEXT, "\x1b[31mred\x1b[0m", "GIF89a", "日本語", "PAR1,text\n",
]  # fmt: skip


@pytest.mark.parametrize("what", list(FILES))
def test_a_file_that_is_no_text_is_named(what: str) -> None:
    found = no_text(FILES[what][:4096])
    assert found is not None
    assert found.what == what


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_a_text(text: str) -> None:
    assert no_text(text.encode()) is None
    assert no_text(("x" * 4095 + "é").encode()[:4096]) is None, "cut within a character"


def test_texts_in_other_encodings(tmp_path: Path) -> None:
    assert no_text("Grüße\n".encode("cp1252"), "cp1252") is None
    assert no_text(TEXT.encode("utf-16"), "utf-16") is None
    assert no_text(TEXT.encode("utf-16-le"), "utf-16-le") is None
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE a (b)")
    database.close()
    found = no_text((tmp_path / "a.db").read_bytes()[:4096])
    assert found is not None
    assert found.what == "a SQLite database"
