"""Helpers that belong to no single role of the library. Import them from their own module."""
