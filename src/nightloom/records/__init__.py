"""Records: what a family of models, its flow, its task and a format are, said once; everything
that lists them reads it here.

They name code as `module:name` and import none of it, so that listing them costs nothing.
"""

from nightloom.records.family import Family, Learner
from nightloom.records.flow import Flow
from nightloom.records.format import Format
from nightloom.records.part import Part
from nightloom.records.task import ENTITIES, TEXT, Task

__all__ = ["ENTITIES", "TEXT", "Family", "Flow", "Format", "Learner", "Part", "Task"]
