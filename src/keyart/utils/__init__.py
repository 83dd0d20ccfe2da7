"""Helpers that know nothing of posters: files, folders."""
