"""Records: single definitions of model families, flows, tasks and formats, from which every
listing is derived.

They refer to code as `module:name` without importing it, so listing them costs nothing.
"""

from nightloom.records.family import Family, Learner
from nightloom.records.flow import Flow
from nightloom.records.format import Format
from nightloom.records.part import Part
from nightloom.records.task import ENTITIES, TEXT, Task

__all__ = ["ENTITIES", "TEXT", "Family", "Flow", "Format", "Learner", "Part", "Task"]
