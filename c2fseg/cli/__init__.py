"""The command ``c2fseg``: complete pictures and videos, train, test."""
