"""Settings as a flow's parameter, with one-line errors, also in the run's state."""

from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from nightloom.errors import InputError
from nightloom.settings.parse import explained


class InOneLine:
    """Marks a parameter: `Annotated[Settings, InOneLine]`.

    A form lets through what it cannot check; Prefect would put pydantic's multi-line error into the
    run's state.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The parameter's own schema, with its error rewritten."""

        def read(values: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
            try:
                return inner(values)
            except ValidationError as error:
                raise InputError(explained(source, error)) from None

        return core_schema.no_info_wrap_validator_function(read, handler(source))
