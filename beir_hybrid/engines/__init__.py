"""Where work runs besides this process. Ray is known here and nowhere else."""
