"""Poolings: from a network's feature maps to the columns that are added to timm's own pooled features.

Functions of one feature map belong in `keyart.models.pooling`.
"""
