"""The documents of a CoNLL file, each identified by its first sentence."""

from collections.abc import Iterable, Iterator, Sequence

from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.sentences import Sentences
from nightloom.errors import InputError

DOCUMENT = "document"
"""The name of the group column for CoNLL files."""


def with_documents(
    batches: Iterable[Sentences], starts: Sequence[int], file: SourceFile
) -> Iterator[Sentences]:
    """Yield batches whose sentences have their document as their group.

    `starts` are the lines at which documents start, as far as the file is read; anything before the
    first is a document too. A document is named after its first sentence, which stays the same when
    others are added or removed. Raises InputError if the file has none.
    """
    at, name = -1, ""
    for batch in batches:
        if not starts:
            raise InputError(
                f"{file.path}: data.group=document: no -DOCSTART- line and no comment '# newdoc' "
                "marks where a document starts; leave it out to split by sentence"
            )
        for tokens, line in zip(batch.tokens, batch.starts, strict=True):
            begun = at
            while at + 1 < len(starts) and starts[at + 1] <= line:
                at += 1
            if at != begun or not name:
                name = " ".join(tokens)
            batch.beside.groups.append(name)
        yield batch
