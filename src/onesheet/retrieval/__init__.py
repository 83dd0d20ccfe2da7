"""Vectors to answers: metrics, neighbours, search."""
