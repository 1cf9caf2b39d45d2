"""From a rewrite to a reviewed pull request: git commits, the forge, the Action's entry."""
