"""What we do about it: pure judgement, from a score and a policy to a decision."""
