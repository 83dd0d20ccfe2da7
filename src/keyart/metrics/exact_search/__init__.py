"""Exact search for the k nearest rows: FAISS on the CPU or a GPU, or torch where only torch has a GPU."""
