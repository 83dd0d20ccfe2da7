"""Batches to vectors: backbones, heads, losses, training."""
