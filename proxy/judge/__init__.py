"""The judge: the local process that turns evidence into a score and a decision, and who asks it."""
