"""Fusion: several evaluated retrievers made one, and the parameters that they are fused with."""

from beir_hybrid.fusion.fused import FusedRetriever, fuse

__all__ = ["FusedRetriever", "fuse"]
