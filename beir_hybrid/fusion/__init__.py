"""Fusion: several evaluated retrievers made one, and the parameters that they are fused with."""
