"""Settings that say in one line what does not fit, whoever makes them."""

from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from nightloom.errors import InputError
from nightloom.settings.base import Settings
from nightloom.settings.parse import explained


class OneLineSettings(Settings):
    """A flow's: what its form in Prefect's UI lets through is found by the run, in its state."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Around all else: a validator here would be inside those of derived classes."""

        def read(values: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
            try:
                return inner(values)
            except ValidationError as error:
                raise InputError(explained(cls, error)) from None

        return core_schema.no_info_wrap_validator_function(read, handler(source))
