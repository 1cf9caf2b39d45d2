"""Which operations a backward pass reaches: a walk over the code that gives every operation a number of its own.

Two passes share a graph where their numbers meet. Loops are walked twice, so what a round leaves to the next is seen.
"""
