"""Training on a whole data set: one call that sets up, trains, records and returns what was trained."""
