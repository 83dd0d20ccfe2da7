"""Tests of retrieval: index engines, search, titles and explanation."""
