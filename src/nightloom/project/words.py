"""What the names of columns usually mean, in some languages: a hint beside their values."""

import re
from collections.abc import Sequence

TEXTS = (
    "text body message content review comment description document article sentence tweet post "
    "question query utterance complaint note notes abstract summary feedback input "
    "nachricht beschreibung anfrage rezension kommentar texto mensaje texte testo "
    "本文 内容 レビュー コメント 评论 文本"
).split()
HEADINGS = "title subject headline heading betreff titel titre titulo titolo".split()
LATER = (
    "answer answers reply response resolution solution translation output antwort reponse "
    "respuesta explanation reason"
).split()
"""Texts that may be written after the label is known."""
CLASSES = (
    "label labels class category target sentiment topic queue intent genre polarity section "
    "department team kind type tag stars rating score emotion y klasse kategorie categorie "
    "categoria thema etiqueta clase sterne bewertung stimmung abteilung estrellas étoiles "
    "ラベル カテゴリ カテゴリー 評価 分類 标签 类别 评分 "
    "severity priority status language lang split"
).split()
GROUPS = (
    "customer user author thread conversation account session document doc client patient case "
    "sender email order product company organisation organization person writer kunde autor"
).split()
TIMES = (
    "date day time timestamp created updated sent received opened closed published posted at when "
    "datum zeit tag fecha jour data ts dt modified"
).split()
_NOT_OF_ROWS = "birth birthday due expires expiry deadline modified updated closed resolved".split()
"""Times that are not those at which a row came."""
_PIECES = re.compile("[A-Z]?[a-z]+|[A-Z]+|[^\\W\\d_]+")


def pieces(name: str) -> list[str]:
    """The words in a column's name, in small letters: `customerID` is customer and id."""
    return [piece.lower() for piece in _PIECES.findall(name)]


def rank(name: str, words: Sequence[str]) -> int:
    """How well a name fits a list, 0 is best: as a whole, by a word in it, not at all."""
    whole, within = name.strip().lower(), pieces(name)
    if whole in words:
        return words.index(whole)
    found = [words.index(one) for one in within if one in words]
    return len(words) + min(found) if found else 2 * len(words)


def is_among(name: str, words: Sequence[str]) -> bool:
    """Whether a name, or a word in it, is in a list."""
    return rank(name, words) < 2 * len(words)


def means_time(name: str) -> bool:
    """Whether a name is one of times."""
    return is_among(name, TIMES)


def is_of_row(name: str) -> bool:
    """Whether a time of this name may be that at which a row came."""
    return not is_among(name, _NOT_OF_ROWS)
