"""The parts of the page, each from the contents to markup; None where nothing of it was measured."""
