"""The console command: options, commands, tables for people.

Nothing is computed here: a command parses, calls one function of the library and prints its result.
"""
