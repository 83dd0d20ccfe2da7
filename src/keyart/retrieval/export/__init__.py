"""Export of an index with its posters to the formats of other tools, one tool a file.

Export of the embedder itself is in `keyart.models.export`; the command that calls both is in `keyart.runs.export`.
"""
