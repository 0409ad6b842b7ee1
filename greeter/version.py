"""The version of greeter."""

from datetime import date

__version__ = "0.3.0"
RELEASED = date(2026, 11, 30)
