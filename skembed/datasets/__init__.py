"""Small real tables with categorical columns, shipped with the package."""

from ._tables import load_employee_salaries, load_flights

__all__ = ["load_employee_salaries", "load_flights"]
