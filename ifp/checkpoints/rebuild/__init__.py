"""Rebuilds networks from the shapes of their arrays, the habits of a code base and the choices of the user."""
