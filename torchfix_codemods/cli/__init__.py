"""The terminal: the only folder that imports click and rich, and both only where they are needed."""
