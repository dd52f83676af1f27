"""The paper's tables: what was published, the runs that repeat it, both beside each other."""

from __future__ import annotations

from c2fseg.reproduction.execution import run_plan
from c2fseg.reproduction.families import Family, find_families
from c2fseg.reproduction.plan import Plan, RunSettings, has_configs, make_plan
from c2fseg.reproduction.published import TABLES, PaperTable, Published
from c2fseg.reproduction.report import format_tables, tables_as_data

__all__ = [
    'TABLES',
    'Family',
    'PaperTable',
    'Plan',
    'Published',
    'RunSettings',
    'find_families',
    'format_tables',
    'has_configs',
    'make_plan',
    'run_plan',
    'tables_as_data',
]
