"""Demo posters."""
