"""Directions of a decoder whose shifts are nearest to symmetries: the search in one call, its result and its figure."""
