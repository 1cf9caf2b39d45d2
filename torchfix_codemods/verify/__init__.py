"""Proof by running: the user's program before and after each fix, in the user's interpreter, and a verdict."""
