"""From fixes to files: verbs build edits, `plan` chooses and composes them, `hunks` shows them as a patch."""
