"""Which reading of a file is right: candidates tried on images, tests of what they say, and a choice."""
