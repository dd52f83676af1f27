"""Tests of c2fseg.engine."""
