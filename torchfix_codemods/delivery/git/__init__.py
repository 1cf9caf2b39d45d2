"""Commits beside the clone, and the one remote that they are pushed to."""
