"""Data sets behind one noun, FactorDataset."""
