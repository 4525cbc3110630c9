"""The parts of the page of a study, each from the findings to markup; None where there is nothing of it."""
