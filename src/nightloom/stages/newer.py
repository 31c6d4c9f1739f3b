"""Whether a model is proved better by rows that came after a rollback.

By what rows say: newer is a test row that neither the version put back had among its rows, nor the
one withdrawn, nor the last one that was registered before the rollback.
"""

from collections.abc import Iterator

import numpy as np

from nightloom.context import BuildContext
from nightloom.counted import counted
from nightloom.gate import rule
from nightloom.registry.champion.moves import Pin
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.versions import Version
from nightloom.settings.register import RegisterSettings
from nightloom.stages.held import Since
from nightloom.stages.judge import compared_on
from nightloom.stages.rivals import rival
from nightloom.stages.seen import known_rows, needed_rows, training_rows


def since_rollback(
    context: BuildContext,
    settings: RegisterSettings,
    registry: Registry,
    champion: Version,
    pin: Pin,
) -> Since:
    """Compare the new model with the champion that was put back, on the newer rows alone."""
    numbers = context.hook("judge.numbers")
    dataset = context.inputs["dataset"].path
    tested = numbers(dataset / "test")
    fresh = ~np.isin(tested, training_rows(dataset, numbers))
    for version in _there_then(registry, champion, pin):
        rows = known_rows(context, version, numbers)
        if rows is None:
            told = f"which rows version {version.version} had is not known any more"
            return Since(False, f"{told}, so none of the test rows counts as newer")
        fresh &= ~np.isin(tested, rows)
    count, needed = int(fresh.sum()), needed_rows(len(tested), settings.min_rows)
    if count < needed:
        of = counted(count, f"of {len(tested):,} test rows are newer than the rollback")
        return Since(False, f"{of}, {needed:,} are needed to prove another better")
    found = compared_on(context, settings, rival(context, champion, role="champion"), fresh)
    if isinstance(found, str):
        return Since(False, f"on the newer rows they cannot be compared: {found}")
    comparison, facts = found
    if not rule.is_proved(comparison.compared):
        return Since(False, f"this is not proved better on rows newer than that: {facts}")
    end = f"which ends what held the champion: {pin.told()}"
    return Since(True, f"proved better on rows newer than the rollback, {facts}, {end}")


def _there_then(registry: Registry, champion: Version, pin: Pin) -> Iterator[Version]:
    """The versions whose rows were known when a version was put back, each once."""
    moves = registry.title(champion.name).history()
    withdrawn = [move.old for move in moves if move.withdraws and move.new == pin.version]
    last = registry.newest_before(champion.name, pin.when)
    numbers = {champion.version, pin.version, *withdrawn[-1:], last.version if last else None}
    for number in sorted(one for one in numbers if one is not None):
        if (found := registry.find(champion.name, number)) is not None:
            yield found
