"""Reading the line and column formats retrieval shares; whatever is wrong in a file is named as ``path:line``."""
