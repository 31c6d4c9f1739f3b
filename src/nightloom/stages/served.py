"""Whether what is served is what was judged: a SavedModel is asked before it becomes champion."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightloom.context import BuildContext
from nightloom.counted import counted
from nightloom.data.arrow import read_columns
from nightloom.data.inputs.examples import ENTITIES, LABEL, SETTING, Example
from nightloom.evaluation.tables import PREDICTIONS, read_parquet
from nightloom.gate.examples import Failed, failures, why_refused
from nightloom.gate.judging import Verdict
from nightloom.home import Home
from nightloom.registry.files.fetching import model_files
from nightloom.registry.mlmodel import SAVED_MODEL
from nightloom.registry.store import local_path
from nightloom.registry.versions import Version
from nightloom.serving.alone.answered import divided, tagged_text
from nightloom.serving.alone.asking import Asked, Measured, ask
from nightloom.serving.entities import first_pieces, words_as_text
from nightloom.settings.register import RegisterSettings
from nightloom.stages.examples import read_examples
from nightloom.stages.kept_texts import discreet_example

if TYPE_CHECKING:
    import pandas

ROWS = 1_000
"""Test rows that are asked; all where there are fewer."""
BOUND = 1e-4
"""How far probabilities may be from those of `evaluate`, both computed in float32 on a CPU."""
BOUND_GPU = 0.02
"""Where `evaluate` ran on a GPU, or features of a frozen encoder are stored in half precision."""
BOUND_NARROW = 0.1
"""Where those features were computed in half precision (`train.precision`)."""
PROBABILITY = "p:"
ROUNDING = 1e-9


@dataclass(frozen=True)
class Served:
    """What the check found."""

    wrong: str
    """Why the version must not serve; empty where it may."""
    facts: dict[str, Any]
    told: str
    """The facts in a clause."""


class ServedCheck:
    """Asks a version's SavedModel, once for each champion that it is measured beside."""

    def __init__(self, context: BuildContext, settings: RegisterSettings) -> None:
        self._context, self._settings = context, settings
        self._found: dict[int | None, Served] = {}
        self.facts: dict[str, Any] | None = None
        """Of the last check; None where nothing was to be checked."""

    def __call__(self, verdict: Verdict, version: Version, champion: Version | None) -> Verdict:
        """The verdict, but that a version which answers otherwise than judged is no champion."""
        if not verdict.promoted:
            return verdict
        found = self.found(version, champion)
        if not found.wrong:
            self._context.report.log(f"the SavedModel alone answers as judged: {found.told}")
            return verdict
        reason = f"refused: {found.wrong}; else it were {verdict.reason}"
        return replace(verdict, decision="challenger", reason=reason, proved=False)

    def found(self, version: Version, champion: Version | None) -> Served:
        """What is found of a version, measured beside a champion."""
        key = champion.version if champion else None
        if key not in self._found:
            self._found[key] = self._check(version, champion)
        self.facts = self._found[key].facts
        return self._found[key]

    def _check(self, version: Version, champion: Version | None) -> Served:
        context = self._context
        own = read_parquet(context.inputs["scores"].path / PREDICTIONS)
        rows, texts, difference_of = _rows(context, own)
        examples = self._examples(answer=ENTITIES if "token" in own else LABEL)
        if difference_of is None and not examples:
            return Served("", {}, "no check, its predictions are of an unknown kind")
        models = [model_files(context.home, version) / SAVED_MODEL]
        beside = _beside(context.home, champion, self._settings)
        more = [text for one in examples for text in one.texts]
        asked = ask([*models, *([beside] if beside else [])], [*texts, *more])
        bound = bound_of(context.run.get("settings", {}))
        facts: dict[str, Any] = {"rows": len(rows), "bound": bound}
        if asked[0].error:
            wrong = (
                f"what was written cannot be served, it does not load or answer ({asked[0].error})"
            )
            return Served(wrong, facts, "")
        judged, extra = divided(asked[0].answers, len(texts), more)
        wrong, difference = "", 0.0
        if difference_of is not None:
            wrong, difference = difference_of(replace(asked[0], answers=judged), bound)
        measured = asked[0].measured
        assert measured
        facts |= {"difference": difference, **asdict(measured)}
        told = (
            f"{counted(len(rows), 'test rows')}, probabilities within {difference:.1g}; "
            f"{_spoken(measured)}"
        )
        if len(asked) > 1 and champion is not None and (other := asked[1].measured):
            facts |= {"champion": asdict(other)}
            called = f"version {champion.version}"
            told += f"; {called}: {_spoken(other)}"
            wrong = wrong or too_much(measured, other, self._settings, called)
        if examples:
            failed = [
                Failed(**discreet_example(context, asdict(one)))
                for one in failures(examples, extra)
            ]
            facts |= {"examples": {"count": len(examples), "failed": [asdict(f) for f in failed]}}
            told += f"; {len(examples) - len(failed)} of {len(examples)} examples hold"
            file = Path(str(self._settings.examples)).name
            found = (wrong, why_refused(failed, len(examples), file))
            wrong = "; also ".join(one for one in found if one)
        return Served(wrong, facts, told)

    def _examples(self, *, answer: str) -> list[Example]:
        if self._settings.examples is None:
            return []
        expected = self._context.outside.get(SETTING)
        return read_examples(self._settings.examples, expected, answer=answer)


def bound_of(settings: dict[str, Any]) -> float:
    """How far probabilities may be apart, for the settings of the run that evaluated."""
    import tensorflow as tf

    model, train = settings.get("model", {}), settings.get("train", {})
    is_frozen = model.get("trainable") == "head"
    if is_frozen and train.get("precision", "float32") not in ("float32", "auto"):
        return BOUND_NARROW
    is_half = is_frozen and model.get("features") == "float16"
    return BOUND_GPU if is_half or tf.config.list_physical_devices("GPU") else BOUND


def too_much(new: Measured, old: Measured, settings: RegisterSettings, called: str) -> str:
    """Which limit a version exceeds beside the champion; empty where none."""
    slower = new.text_seconds / max(old.text_seconds, 1e-9) - 1
    if settings.max_slower is not None and slower > settings.max_slower + ROUNDING:
        return (
            f"a text takes {new.text_seconds * 1000:.3g} ms against {old.text_seconds * 1000:.3g} "
            f"of {called}, {slower:.0%} more; register.max_slower={settings.max_slower:g} allows "
            f"{settings.max_slower:.0%}"
        )
    larger = new.size / max(old.size, 1) - 1
    if settings.max_larger is not None and larger > settings.max_larger + ROUNDING:
        return (
            f"it has {new.size:,} bytes against {old.size:,} of {called}, {larger:.0%} more; "
            f"register.max_larger={settings.max_larger:g} allows {settings.max_larger:.0%}"
        )
    return ""


Difference = Callable[[Asked, float], tuple[str, float]]
"""From answers and the bound to what is wrong (empty where nothing is), and the largest difference
of a probability."""


def _rows(
    context: BuildContext, own: "pandas.DataFrame"
) -> tuple[np.ndarray, list[str], Difference | None]:
    """The test rows that are asked, their texts, and how answers are compared with `evaluate`'s."""
    test = context.inputs["dataset"].path / "test"
    if "token" in own:
        starts = np.flatnonzero(np.diff(own["row"].to_numpy(), prepend=-1))
        rows = _chosen(len(starts))
        sentences = read_columns(test, ["tokens"])["tokens"].take(rows).to_pylist()
        parts = [part for _, part in own.groupby("row", sort=True)]
        words = [(sentence, parts[row]) for row, sentence in zip(rows, sentences, strict=True)]
        texts = [words_as_text(sentence) for sentence in sentences]
        return rows, texts, lambda asked, bound: of_tags(asked, words, rows, bound=bound)
    rows = _chosen(len(own))
    texts = read_columns(test, ["text"])["text"].take(rows).to_pylist()
    if not _classes(own):
        return rows, texts, None
    table = own.iloc[rows]
    return rows, texts, lambda asked, bound: of_classes(asked, table, rows, bound=bound)


def _chosen(count: int) -> np.ndarray:
    """Rows spread evenly over all."""
    return np.unique(np.linspace(0, count - 1, min(count, ROWS)).astype(np.int64))


def of_classes(
    asked: Asked, judged: "pandas.DataFrame", rows: np.ndarray, *, bound: float
) -> tuple[str, float]:
    """What is wrong with a classifier's answers, by class; see `Difference`."""
    names = [name.decode() for name in asked.answers["names"]]
    known = _classes(judged)
    if sorted(names) != sorted(known):
        return f"it serves the classes {', '.join(names)}; judged were {', '.join(known)}", 1.0
    wanted = judged[[f"{PROBABILITY}{name}" for name in names]].to_numpy(np.float64)
    found = asked.answers["probabilities"].astype(np.float64)
    labels = np.array([label.decode() for label in asked.answers["label"]], dtype=object)
    predicted = judged["predicted"].to_numpy(object)
    best, served = (
        wanted[np.arange(len(rows)), [names.index(name) for name in given]]
        for given in (predicted, labels)
    )
    other = (labels != predicted) & (best - served > bound)
    apart = np.abs(found - wanted).max(axis=1)
    return _told(other, apart, rows, predicted, labels, bound), float(apart.max())


def _classes(judged: "pandas.DataFrame") -> list[str]:
    columns = map(str, judged.columns)
    return [name.removeprefix(PROBABILITY) for name in columns if name.startswith(PROBABILITY)]


def of_tags(
    asked: Asked,
    judged: "list[tuple[list[str], pandas.DataFrame]]",
    rows: np.ndarray,
    *,
    bound: float,
) -> tuple[str, float]:
    """What is wrong with a tagger's answers, by the words that have pieces; see `Difference`."""
    answers = asked.answers
    ends = np.cumsum(answers["pieces"])
    where, wanted, found, scores, served = [], [], [], [], []
    for number, (words, table) in enumerate(judged):
        part = slice(ends[number] - answers["pieces"][number], ends[number])
        tagged = tagged_text(answers, part)
        for word, piece in enumerate(first_pieces(words, tagged)):
            if piece is not None:
                where.append(rows[number])
                wanted.append(table["predicted"].iloc[word])
                scores.append(table["score"].iloc[word])
                found.append(tagged.labels[piece])
                served.append(tagged.scores[piece])
    if not where:
        return "", 0.0
    judged_tags, tags = np.array(wanted, object), np.array(found, object)
    apart = np.abs(np.array(served, np.float64) - np.array(scores, np.float64))
    # two tags that lie so close have at most half of the probability each
    other = (tags != judged_tags) & (np.array(scores) > 0.5 + bound)
    return _told(other, apart, np.array(where), judged_tags, tags, bound), float(apart.max())


def _told(
    other: np.ndarray,
    apart: np.ndarray,
    rows: np.ndarray,
    wanted: np.ndarray,
    found: np.ndarray,
    bound: float,
) -> str:
    """What differs in a clause, the first row by name; empty where nothing does."""
    is_apart = apart > bound
    if not (other | is_apart).any():
        return ""
    first = int(np.flatnonzero(other if other.any() else is_apart)[0])
    example = f"test row {rows[first]}: {found[first]}, judged was {wanted[first]}"
    return (
        f"what it serves is not what was judged: {int(other.sum()):,} of {len(rows):,} answers "
        f"differ, probabilities by up to {apart.max():.2g}, allowed are {bound:g} ({example})"
    )


def _beside(home: Home, champion: Version | None, settings: RegisterSettings) -> Path | None:
    """The champion's SavedModel, where it lies on this machine or a limit needs it."""
    if champion is None:
        return None
    here = local_path(champion.source, home.model_files)
    if here is None and settings.max_slower is None and settings.max_larger is None:
        return None
    try:
        return model_files(home, champion) / SAVED_MODEL
    except Exception:  # lost files of the old one are no reason against the new one
        return None


def _spoken(one: Measured) -> str:
    return (
        f"{one.size / 1e6:,.1f} MB, loads in {one.load_seconds:.1f} s, "
        f"{one.text_seconds * 1000:.2f} ms a text"
    )
