"""The version of greeter."""

__version__ = "0.1.0"
