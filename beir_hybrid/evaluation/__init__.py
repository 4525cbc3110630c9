"""One call that evaluates a retriever, its results, and the folder and tables they are kept in."""
