"""The vector that a learned scorer sees: one table of features, each measured from evidence."""
