"""Research questions as declarative studies: factors x seeds, each cell trained, measured and stored once."""
