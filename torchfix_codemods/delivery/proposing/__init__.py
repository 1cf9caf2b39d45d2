"""From an analysis and the verdicts of a report that nobody vouches for to proposals."""
