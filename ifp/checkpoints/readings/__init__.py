"""Chooses how a file is to be read: tries candidate readings on images, tests their results, and picks one."""
