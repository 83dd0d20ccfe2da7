"""Offline evaluation of candidates: protocols, models, metrics."""
