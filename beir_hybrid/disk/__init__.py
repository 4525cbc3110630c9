"""Files, folders and locks on disk: written whole or not at all."""
