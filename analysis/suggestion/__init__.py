"""At which beta to train: the highest one that holds the factors that are wanted, in the units of any code base."""
