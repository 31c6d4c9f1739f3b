"""What a run cost and what its stages used, as reports say it."""

from collections.abc import Mapping, Sequence

from nightloom.reporting.entry import StageEntry
from nightloom.reporting.markdown import table
from nightloom.usage import CPU, MEMORY

ORDER = ("stage", "processor (peak)", "memory (peak)", "GPU (peak)", "GPU memory (peak)")
"""Of the columns."""


def cost_of(seconds: float, price_per_hour: float | None) -> float | None:
    """What so many seconds cost, in the currency of the price; None without one."""
    return None if price_per_hour is None else round(price_per_hour * seconds / 3600, 6)


def cost_text(cost: float | None) -> str:
    """`; it cost 1.25 (run.price_per_hour)`, for the end of a sentence; empty without a price."""
    if cost is None:
        return ""
    told = f"{cost:,.2f}" if cost >= 1 else f"{cost:.2g}"
    return f"; it cost {told} (run.price_per_hour)"


def used_table(stages: Sequence[StageEntry]) -> str:
    """Processor, memory and GPUs of the stages that were built, means and peaks."""
    rows = [{"stage": one.stage, **_columns(one.usage)} for one in stages if one.usage]
    names = sorted({name for row in rows for name in row}, key=ORDER.index)
    return table([{name: row.get(name, "") for name in names} for row in rows])


def _columns(told: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    columns = {
        "processor (peak)": _percent(told.get(CPU)),
        "memory (peak)": _size(told.get(MEMORY)),
    }
    for column, what, text in (
        ("GPU (peak)", "utilization_percentage", _percent),
        ("GPU memory (peak)", "memory_usage_megabytes", _size),
    ):
        of_gpus = (one for name, one in sorted(told.items()) if _is_gpu(name, what))
        if said := "; ".join(map(text, of_gpus)):
            columns[column] = said
    return columns


def _is_gpu(name: str, what: str) -> bool:
    return name.startswith("gpu_") and name.endswith(what)


def _percent(one: Mapping[str, float] | None) -> str:
    return f"{one['mean']:.0f} % ({one['peak']:.0f})" if one else ""


def _size(one: Mapping[str, float] | None) -> str:
    return f"{one['mean'] / 1000:.1f} GB ({one['peak'] / 1000:.1f})" if one else ""
