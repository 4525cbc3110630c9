"""Research questions as declarative studies: factors x seeds, each cell trained, measured and stored once."""

from beir_hybrid.studies.outcome import CellOutcome, StudyOutcome
from beir_hybrid.studies.run import read_outcome, run_study
from beir_hybrid.studies.study import Study
from beir_hybrid.studies.study_file import load_study

__all__ = ["CellOutcome", "Study", "StudyOutcome", "load_study", "read_outcome", "run_study"]
