"""Exact search for the k nearest rows: by FAISS on the CPU or a GPU, or by torch where only torch can use the GPU."""
