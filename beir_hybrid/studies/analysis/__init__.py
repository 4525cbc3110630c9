"""What a study has found: tables over seeds, paired tests, groups of languages, curves, fits, and their limits."""

from __future__ import annotations

from beir_hybrid.studies.analysis.options import AnalysisOptions, parse_options
from beir_hybrid.studies.analysis.report import Report, write_report

__all__ = ["AnalysisOptions", "Report", "parse_options", "write_report"]
