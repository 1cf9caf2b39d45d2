"""The parts of `scripts/evaluate.py`: mutants of correct programs, scans of folders, labels and their figures."""
