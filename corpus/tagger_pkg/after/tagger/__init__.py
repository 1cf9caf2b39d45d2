"""A part-of-speech tagger."""
