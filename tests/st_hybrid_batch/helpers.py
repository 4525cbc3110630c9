"""Small parallel data, and points on the circle."""

from __future__ import annotations

import numpy as np

from st_hybrid_batch.group import Group


def make_group(number: int, languages: str = "abc", passage_group: str | None = None, negatives: int = 0) -> Group:
    """Group ``number``: its texts name group and language, so a test can read off what was drawn."""
    return Group(
        id=f"g{number}",
        query={language: f"q{number} {language}" for language in languages},
        passage={language: f"p{number} {language}" for language in languages},
        negatives={language: [f"n{number} {language} {rank}" for rank in range(negatives)] for language in languages},
        passage_group=passage_group,
    )


def circle(*degrees: float):
    """Points on the unit circle, as a tensor that takes gradients."""
    import torch

    angles = np.deg2rad(degrees)
    return torch.tensor(np.stack([np.cos(angles), np.sin(angles)], axis=1), requires_grad=True)


def ids_of(dataset, rows=None) -> list[list[int]]:
    """The labels of a parallel data set's rows."""
    return [row["label"] for row in dataset.__getitems__(list(range(len(dataset))) if rows is None else rows)]
