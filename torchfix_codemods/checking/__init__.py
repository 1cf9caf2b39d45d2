"""Rules over the files of a run: which files, in which processes, and what of their findings is told."""
