"""The console command: options, commands and tables.

This package computes nothing: a command parses its arguments, calls one library function and prints the result.
"""
