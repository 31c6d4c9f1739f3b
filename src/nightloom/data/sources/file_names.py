"""What a file's name says: its format, its split, whether it is data at all."""

from collections.abc import Mapping
from pathlib import Path

from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.known import FORMATS
from nightloom.data.sources.roles import roles_of
from nightloom.data.sources.shards import Shards
from nightloom.errors import InputError
from nightloom.settings.spelling import listed

NO_DATA = set(
    ".md .rst .html .htm .pdf .py .ipynb .sh .yaml .yml .toml .cfg .ini .log .lock .sha256 .md5 "
    ".crc .png .jpg .jpeg .svg .gif .css .js .license .bib .rtf .doc .docx".split()
)
_NO_DATA_STEMS = set(
    "readme license licence citation changelog notice authors dataset_info dataset_infos "
    "dataset_dict state".split()
)


def suffix_of(path: Path) -> tuple[str, str, bool]:
    """Stem and extension of a file's name without `.gz`, and whether it had that."""
    gzipped = path.suffix.lower() == ".gz"
    inner = path.with_suffix("") if gzipped else path
    return inner.stem, inner.suffix.lower(), gzipped


def format_of(path: Path, formats: Mapping[str, str]) -> tuple[str, str]:
    """The format of a file by its name, and why it is not read; one of them is empty."""
    _, suffix, gzipped = suffix_of(path)
    found = formats.get(suffix, "")
    if not found and roles_of(suffix):
        found = formats.get(".conll", "")  # eng.train, eng.testa
    if found and gzipped and not FORMATS[found].is_text:
        return "", f"a {found.capitalize()} file in gzip is not read"
    if not found:
        kind = f"type {suffix}" if suffix else "a file without a type"
        return "", f"{kind} is not read here, only {', '.join(formats)}"
    return found, ""


def source_file(split: str, shards: Shards, formats: Mapping[str, str]) -> SourceFile:
    """Files of one type to be read as one split; raises InputError for several types."""
    first, *more = shards.paths
    kinds = {(format_of(path, formats)[0], suffix_of(path)[2]) for path in shards.paths}
    if len(kinds) > 1:
        raise InputError(
            f"{first.parent}: files of different types for the {split} split "
            f"({listed([path.name for path in shards.paths], 4)}); keep those of one type"
        )
    form, gzipped = kinds.pop()
    return SourceFile(split, first, form, gzipped, tuple(more))


def file_roles(path: Path) -> frozenset[str]:
    """The splits that a file's name mentions."""
    stem, suffix, _ = suffix_of(path)
    return roles_of(stem) or roles_of(suffix)


def is_hidden(path: Path) -> bool:
    """Whether a file is not data: hidden, left by an editor or a job, or documentation."""
    stem = suffix_of(path)[0].lower()
    return path.name.startswith((".", "_", "~")) or stem in _NO_DATA_STEMS
