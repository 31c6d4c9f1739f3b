"""What the settings of every flow made of stages offer those who run it."""

from collections.abc import Mapping
from datetime import date
from typing import Self

from nightloom.accelerators import Accelerator
from nightloom.records import Part
from nightloom.settings.base import Settings
from nightloom.settings.limits import StagesSettings
from nightloom.settings.report import Texts
from nightloom.settings.steps import StepsSettings


class PipelineSettings(Settings):
    """Settings of a flow made of stages."""

    def part(self, stage: str) -> Part:
        """What a stage reads for these settings beside what it always reads."""
        del stage
        return Part()

    def modules(self) -> Mapping[str, str]:
        """Code that stages call, by hook name."""
        return {}

    def on(self, gpu: Accelerator | None) -> Self:
        """With every setting that depends on the device resolved."""
        del gpu
        return self

    def dated(self, night: date) -> Self:
        """With every day that counts back from the night as a date."""
        del night
        return self

    @property
    def keeps_programs(self) -> bool:
        """Whether programs compiled by XLA are kept for the next run."""
        return True

    @property
    def texts_shown(self) -> Texts:
        """How much of the texts of rows is shown."""
        return "full"

    @property
    def own_steps(self) -> StepsSettings:
        """The user's own steps."""
        return StepsSettings()

    @property
    def stages_run(self) -> StagesSettings:
        """The limits of its stages, and what an hour costs."""
        return StagesSettings()

    @property
    def seeks_gpu(self) -> bool:
        """Whether a GPU is used where there is one."""
        return False
