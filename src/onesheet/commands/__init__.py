"""The console commands, a few to a file; `onesheet.cli` puts them together.

What a command needs is imported inside it: ``onesheet --help`` must not wait for PyTorch.
"""
