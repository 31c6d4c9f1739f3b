"""The documents of a CoNLL file, each known by what its first sentence says."""

from collections.abc import Iterable, Iterator, Sequence

from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.sentences import Sentences
from nightloom.errors import InputError

DOCUMENT = "document"
"""What the group of CoNLL files is called."""


def with_documents(
    batches: Iterable[Sentences], starts: Sequence[int], file: SourceFile
) -> Iterator[Sentences]:
    """Yield batches whose sentences have their document as their group.

    `starts` are the lines at which documents start, as far as the file is read; what stands before
    the first is a document too. One is called by its first sentence, which stays the same where
    others come or go. Raises InputError where the file has none.
    """
    at, name = -1, ""
    for batch in batches:
        if not starts:
            raise InputError(
                f"{file.path}: data.group=document: no -DOCSTART- line and no comment '# newdoc' "
                "says where a document starts; leave it out to cut by sentence"
            )
        for tokens, line in zip(batch.tokens, batch.starts, strict=True):
            begun = at
            while at + 1 < len(starts) and starts[at + 1] <= line:
                at += 1
            if at != begun or not name:
                name = " ".join(tokens)
            batch.beside.groups.append(name)
        yield batch
