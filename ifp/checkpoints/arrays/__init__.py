"""Finds the named arrays of a model in a file: sets are told apart, prefixes removed, names brought to one form."""
