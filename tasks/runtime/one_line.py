"""Expected errors in Prefect's logs: one line, without a traceback.

The line says what to do; forty lines of Prefect and pydantic above it would bury it.
"""

import logging
import os

from nightloom.errors import InputError, NightloomError

LOGGERS = ("prefect.flow_runs", "prefect.task_runs", "prefect.engine", "prefect.flow_engine")


class _OneLine(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is None or not _is_expected(error) or os.environ.get("NIGHTLOOM_DEBUG"):
            return True
        said = record.getMessage()
        if str(error) not in said:
            said = f"{said}: {error}"
        record.msg, record.args = " ".join(said.split()), ()
        record.exc_info = record.exc_text = None
        return True


def _is_expected(error: BaseException) -> bool:
    """Whether the message says it all, with no unexpected error as its cause."""
    if isinstance(error, InputError):
        return True
    return isinstance(error, NightloomError) and error.__cause__ is None


def keep_to_one_line() -> None:
    """Install for all runs of this process; can be called repeatedly."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _OneLine) for one in logger.filters):
            logger.addFilter(_OneLine())
