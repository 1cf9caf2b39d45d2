"""The Action: its inputs, its three modes, and what it hands to the runner."""
