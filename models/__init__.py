"""What is known: the values every other room speaks in, the scorers, and their training."""
