"""What runs inside the user's interpreter: the standard library and torch alone, Python 3.8 syntax.

The package is copied next to the program and started there; it never imports anything else of ours.
"""
