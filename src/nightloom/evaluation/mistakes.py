"""An entity tagger's mistakes: their kinds, the most frequent ones, the worst sentences."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from nightloom.evaluation.entities import Sentences, check_lengths
from nightloom.evaluation.spans import Span, spans_of

if TYPE_CHECKING:
    import pandas

KINDS = ("missed", "spurious", "wrong type", "wrong boundary", "wrong type and boundary")


class Mistake(NamedTuple):
    """A wrong entity: the gold one, the predicted one, or a pair of both."""

    kind: str
    gold: Span | None
    predicted: Span | None


class WrongSentence(TypedDict):
    """A sentence with mistakes."""

    row: int
    tokens: list[str]
    gold: list[Span]
    predicted: list[Span]
    mistakes: list[str]
    """Their kinds, left to right."""


def mistakes_of(gold: Sequence[Span], predicted: Sequence[Span]) -> list[Mistake]:
    """The mistakes of one sentence, from left to right.

    A gold entity that was not found is paired with the wrong prediction that shares most tokens
    with it, each used once; the pair's kind says what differs. Remaining gold entities are
    `missed`, remaining predictions `spurious`.
    """
    wanted = [span for span in gold if span not in set(predicted)]
    got = [span for span in predicted if span not in set(gold)]
    shared = sorted(
        (-overlap, a, b)
        for a, one in enumerate(wanted)
        for b, other in enumerate(got)
        if (overlap := min(one.end, other.end) - max(one.start, other.start)) > 0
    )
    paired: dict[int, int] = {}
    for _, a, b in shared:
        if a not in paired and b not in paired.values():
            paired[a] = b
    found = [
        Mistake(_kind(span, got[paired[a]]), span, got[paired[a]])
        if a in paired
        else Mistake("missed", span, None)
        for a, span in enumerate(wanted)
    ]
    used = set(paired.values())
    found += [Mistake("spurious", None, span) for b, span in enumerate(got) if b not in used]
    return sorted(
        found, key=lambda mistake: (mistake.gold or mistake.predicted or Span("", 0, 0))[1]
    )


def mistake_totals(*, gold: Sentences, predicted: Sentences) -> dict[str, int]:
    """The number of mistakes of each kind."""
    check_lengths(gold, predicted)
    counts = Counter(
        mistake.kind
        for wanted, got in zip(gold, predicted, strict=True)
        for mistake in mistakes_of(spans_of(wanted), spans_of(got))
    )
    return {kind: counts[kind] for kind in KINDS}


def confusions(
    *, tokens: Sentences, gold: Sentences, predicted: Sentences, limit: int = 50
) -> "pandas.DataFrame":
    """The most frequent mistakes, most frequent first.

    Columns: count, kind, gold_type, gold_text, predicted_type, predicted_text (empty if there
    is none), sentence (index of the first one with this mistake).
    """
    import pandas

    check_lengths(gold, predicted)
    counts: Counter[tuple[str, ...]] = Counter()
    first: dict[tuple[str, ...], int] = {}
    for i, (words, wanted, got) in enumerate(zip(tokens, gold, predicted, strict=True)):
        for mistake in mistakes_of(spans_of(wanted), spans_of(got)):
            key = (mistake.kind, *_named(words, mistake.gold), *_named(words, mistake.predicted))
            counts[key] += 1
            first.setdefault(key, i)
    rows = sorted(counts.items(), key=lambda item: (-item[1], first[item[0]], item[0]))[:limit]
    names = ["kind", "gold_type", "gold_text", "predicted_type", "predicted_text"]
    table: dict[str, pandas.Series[Any]] = {}
    table["count"] = pandas.Series([n for _, n in rows], dtype="int64")
    for column, name in enumerate(names):
        table[name] = pandas.Series([key[column] for key, _ in rows], dtype="str")
    table["sentence"] = pandas.Series([first[key] for key, _ in rows], dtype="int64")
    return pandas.DataFrame(table)


def worst_sentences(
    *, tokens: Sentences, gold: Sentences, predicted: Sentences, limit: int = 20
) -> list[WrongSentence]:
    """The sentences with most mistakes (ties: shorter first, then earlier), worst first."""
    check_lengths(gold, predicted)
    found: list[WrongSentence] = []
    for i, (words, wanted, got) in enumerate(zip(tokens, gold, predicted, strict=True)):
        if list(wanted) == list(got):
            continue
        a, b = spans_of(wanted), spans_of(got)
        if kinds := [mistake.kind for mistake in mistakes_of(a, b)]:
            found.append(
                {"row": i, "tokens": list(words), "gold": a, "predicted": b, "mistakes": kinds}
            )
    found.sort(key=lambda one: (-len(one["mistakes"]), len(one["tokens"]), one["row"]))
    return found[:limit]


def _kind(gold: Span, predicted: Span) -> str:
    if (gold.start, gold.end) == (predicted.start, predicted.end):
        return "wrong type"
    return "wrong boundary" if gold.type == predicted.type else "wrong type and boundary"


def _named(words: Sequence[str], span: Span | None) -> tuple[str, str]:
    return ("", "") if span is None else (span.type, " ".join(words[span.start : span.end]))
