"""Where the user's program runs: a copy of the project, in the strongest isolation that the machine allows."""
