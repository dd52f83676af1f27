"""Pairs of things that fit each other best."""

from __future__ import annotations

import numpy as np


def best_pairs(overlap: np.ndarray, least: float) -> list[tuple[int, int]]:
    """Take the largest entry of a matrix, then the largest of the other rows and columns, ...

    Args:
        overlap: (m, n); of equal entries the upper one comes first, then the left one.
        least: The smallest entry that is taken.

    Returns:
        (row, column) of each, no row and no column twice.
    """
    rows, columns = np.nonzero(overlap >= least)
    order = np.argsort(-overlap[rows, columns], kind='stable')
    free_rows, free_columns = set(rows.tolist()), set(columns.tolist())
    pairs = []
    for row, column in zip(rows[order].tolist(), columns[order].tolist()):
        if row in free_rows and column in free_columns:
            free_rows.remove(row)
            free_columns.remove(column)
            pairs.append((row, column))
    return pairs
