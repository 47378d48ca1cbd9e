"""The annealing test: many VAEs trained as one batch while beta changes, and their run on disk."""
