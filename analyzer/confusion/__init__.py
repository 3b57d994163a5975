"""Names that are taken for others: look-alikes of popular or owned ones, and what makes one suspect."""
