"""Closed forms, without training: the two edges of freezing, of traversals and of whole data sets; units of beta."""
