"""A file's named arrays: wrappers taken off, sets told apart, names brought to one form."""
