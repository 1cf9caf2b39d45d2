"""Files in and out: which files there are, bytes to text and back, settings, safe writing, undo."""
