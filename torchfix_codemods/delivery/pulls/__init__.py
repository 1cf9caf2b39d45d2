"""What becomes of a pull request and its branch: the mark, the decision, the acts."""
