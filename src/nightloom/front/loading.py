"""`nightloom.load_model`: a registered model for predictions."""

import os
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, overload

from nightloom.errors import InputError
from nightloom.home import at_home
from nightloom.proxies import spare_this_machine
from nightloom.user_folder import replace_where_missing

if TYPE_CHECKING:
    from nightloom.registry.versions import Version
    from nightloom.serving.predictor import Answer, Predictor


class Model:
    """A version of a registered model, loaded."""

    def __init__(self, version: "Version", predictor: "Predictor") -> None:
        self._version = version
        self._predictor = predictor

    @property
    def name(self) -> str:
        """Name of the registered model."""
        return self._version.name

    @property
    def version(self) -> int:
        """Version number."""
        return self._version.version

    @property
    def aliases(self) -> tuple[str, ...]:
        """Its aliases at the time of loading."""
        return self._version.aliases

    @property
    def metric(self) -> tuple[str, float] | None:
        """Name and value of the gate's metric."""
        return self._version.metric

    @overload
    def predict(self, texts: str, *, batch_size: int = 64) -> "Answer": ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, texts: Iterable[str], *, batch_size: int = 64) -> "list[Answer]": ...

    def predict(
        self, texts: str | Iterable[str], *, batch_size: int = 64
    ) -> "Answer | list[Answer]":
        """The answer to a text, or one for each of several, in their order.

        batch_size: texts per forward pass.

        Raises:
            InputError: One of them is not a text.
        """
        if isinstance(texts, str):
            return self.predict([texts], batch_size=batch_size)[0]
        if not isinstance(texts, Iterable) or isinstance(texts, bytes | bytearray | Mapping):
            raise InputError(f"expected a text or a list of texts, got {type(texts).__name__}")
        if getattr(texts, "ndim", 1) != 1:  # a frame would give the names of its columns
            raise InputError(
                f"expected a text or a list of texts, got {type(texts).__name__} of "
                f"{getattr(texts, 'ndim', 0)} dimensions; take the column of the texts"
            )
        if not isinstance(batch_size, int) or batch_size < 1:
            raise InputError(f"expected a batch_size of 1 or more, got {batch_size!r}")
        given = list(texts)
        for number, text in enumerate(given):
            if not isinstance(text, str):
                raise InputError(
                    f"expected texts, got {type(text).__name__} {text!r:.60} at index {number}; "
                    "make it a text"
                )
        return list(self._predictor.predict(given, batch_size=batch_size))

    def __repr__(self) -> str:
        aliases = "".join(f" @{alias}" for alias in self.aliases)
        score = f", {self.metric[0]} {self.metric[1]:.4f}" if self.metric else ""
        return f"<nightloom.Model {self.name}/{self.version}{aliases}{score}>"


def load_model(name: str, *, home: "str | os.PathLike[str] | None" = None) -> Model:
    """Load a registered model: `name` (the champion), `name@alias` or `name/version`.

    Warns if a plain name has no champion and the latest version is used.

    Args:
        name: As for `nightloom predict`; `nightloom models` lists them.
        home: The home folder. None: NIGHTLOOM_HOME, else `.nightloom/`. The registry is the store
            that MLFLOW_TRACKING_URI names, else the home's own.

    Raises:
        InputError: There is no such version, or its files are gone.
    """
    from nightloom.registry.files.fetching import model_files
    from nightloom.registry.files.moving import settle
    from nightloom.registry.names import resolve_model
    from nightloom.serving.predictor import load_predictor

    if not isinstance(name, str):
        raise InputError(f"expected the name of a model, got {type(name).__name__}")
    spare_this_machine()
    with at_home(home) as chosen:
        replace_where_missing()
        moved = settle(chosen)
        found = resolve_model(chosen.tracking_uri, name)
        for note in filter(None, (moved, found.note)):
            warnings.warn(note, stacklevel=2)
        return Model(found.version, load_predictor(model_files(chosen, found.version)))
