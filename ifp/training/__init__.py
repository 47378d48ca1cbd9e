"""Training of whole data sets: the images on the device, one loop for all objectives, several seeds as one batch."""
