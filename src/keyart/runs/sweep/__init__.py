"""A sweep read from its folder: its jobs, what was swept, and what each of them reached on validation.

Starting jobs belongs in `keyart.launch`, drawing in `keyart.reports`.
"""
