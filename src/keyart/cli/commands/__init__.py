"""The console commands, a few per file; `keyart.cli.app` registers them.

Each command imports its dependencies inside its function, so that ``keyart --help`` does not wait for PyTorch.
"""
