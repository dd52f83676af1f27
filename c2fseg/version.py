"""The version of the package, read by ``setup.py`` and by users."""

__version__ = '0.1.0'
