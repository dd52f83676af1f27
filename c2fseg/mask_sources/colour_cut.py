"""Lays the edge of a soft mask where the colours of the picture change."""

from __future__ import annotations

import cv2
import numpy as np

# Above and below these probabilities a pixel is taken as it is.
SURE = 0.99
SURELY_NOT = 0.03
ROUNDS = 2


def cut_by_colour(image: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Decide the pixels that a model is not sure of by their colours and the edges between them.

    OpenCV's GrabCut starts from the mask: it learns the colours on both sides, and cuts between
    them. A mask that is empty or fills the crop leaves nothing to learn from and stays.

    Args:
        image: Crop (h, w, 3) uint8.
        probability: (h, w) float32 in [0, 1].

    Returns:
        (h, w) float32, 0 or 1.

    Source: Rother et al., "GrabCut": Interactive Foreground Extraction using Iterated Graph Cuts,
    SIGGRAPH 2004.
    """
    inside = probability > 0.5
    if inside.all() or not inside.any():
        return inside.astype(np.float32)
    labels = np.where(inside, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[probability > SURE] = cv2.GC_FGD
    labels[probability < SURELY_NOT] = cv2.GC_BGD
    cv2.setRNGSeed(0)  # its colour clusters start from random ones
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, labels, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
