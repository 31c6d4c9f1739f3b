"""Tagged sentences as one HTML page: the gold entities above, the predicted ones below."""

from collections.abc import Sequence
from typing import Required, TypedDict

from nightloom.evaluation.mistakes import WrongSentence
from nightloom.evaluation.spans import Span

COLOURS = ("#bfe1d9", "#ffd8a8", "#d0bfff", "#a5d8ff", "#fcc2d7", "#d8f5a2", "#ffec99", "#ced4da")

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{ title }}</title>
<style>
body { font: 15px/2 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #222; }
section { border-top: 1px solid #ddd; padding: .6rem 0; }
h1 { font-size: 1.2rem; }
p { margin: .1rem 0; display: flex; gap: .8rem; }
p > span:first-child { flex: 0 0 5rem; color: #777; }
small { color: #777; }
mark { border-radius: .3em; padding: .15em .3em; }
mark.wrong { outline: 2px solid #c92a2a; }
mark b { font-size: .7em; margin-left: .35em; vertical-align: middle; }
</style>
</head>
<body>
<h1>{{ title }}</h1>
{% for sentence in sentences %}
<section>
<small>row {{ sentence.row }}: {{ sentence.mistakes | join(", ") }}</small>
{% for line in sentence.lines %}
<p><span>{{ line.name }}</span><span>
{%- for piece in line.pieces -%}
{% if piece.type %}<mark style="background: {{ piece.colour }}"
{%- if piece.wrong %} class="wrong"{% endif %}>{{ piece.text }}<b>{{ piece.type }}</b></mark>
{%- else %}{{ piece.text }}{% endif %}{{ " " }}
{%- endfor -%}
</span></p>
{% endfor %}
</section>
{% else %}
<p>No mistakes.</p>
{% endfor %}
</body>
</html>
"""


class Piece(TypedDict, total=False):
    """A stretch of a sentence: an entity, or what lies between two."""

    type: Required[str]
    """Of the entity; empty for what lies between."""
    text: Required[str]
    colour: str
    wrong: bool


def sentences_html(
    sentences: Sequence[WrongSentence], *, types: Sequence[str], title: str = "Worst sentences"
) -> str:
    """A page of the sentences from `mistakes.worst_sentences`; all text is escaped.

    Entities are coloured by type; outlined ones have no match on the other line.
    """
    import jinja2

    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(sorted(types))}
    shown = [
        {
            "row": one["row"],
            "mistakes": one["mistakes"],
            "lines": [
                {"name": name, "pieces": _pieces(one["tokens"], spans, others, colours)}
                for name, spans, others in (
                    ("gold", one["gold"], one["predicted"]),
                    ("predicted", one["predicted"], one["gold"]),
                )
            ],
        }
        for one in sentences
    ]
    template = jinja2.Environment(autoescape=True).from_string(PAGE)
    return template.render(title=title, sentences=shown) + "\n"


def _pieces(
    tokens: Sequence[str], spans: Sequence[Span], others: Sequence[Span], colours: dict[str, str]
) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for span in [*spans, Span("", len(tokens), len(tokens))]:
        if span.start > at:
            pieces.append({"type": "", "text": " ".join(tokens[at : span.start])})
        if span.type:
            pieces.append(
                {
                    "type": span.type,
                    "text": " ".join(tokens[span.start : span.end]),
                    "colour": colours.get(span.type, COLOURS[-1]),
                    "wrong": span not in others,
                }
            )
        at = span.end
    return pieces
