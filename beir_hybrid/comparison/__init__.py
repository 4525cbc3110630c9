"""Which retriever is better, where, by how much, and whether it is noise: result folders side by side."""

from __future__ import annotations

from beir_hybrid.comparison.folders import compare
from beir_hybrid.comparison.rows import Comparison, Row
from beir_hybrid.comparison.scores import Scores, TaskScoresTable, load_per_query

__all__ = ["Comparison", "Row", "Scores", "TaskScoresTable", "compare", "load_per_query"]
