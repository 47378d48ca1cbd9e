"""The command line, `ifp`."""
