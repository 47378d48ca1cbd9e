"""Runs at work, as their folders show them: nothing is written and nothing of the run is touched."""
