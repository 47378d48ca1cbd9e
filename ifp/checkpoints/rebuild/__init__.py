"""A network rebuilt from its arrays' shapes and from what the user or the code base says of it."""
