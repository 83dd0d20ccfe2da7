"""The console commands, a few to a file; `keyart.cli.app` puts them together.

What a command needs is imported inside it: ``keyart --help`` must not wait for PyTorch.
"""
