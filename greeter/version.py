"""The version of greeter."""

__version__ = "0.2.0"
