"""Tests of metrics, neighbours, pairs and baselines."""
