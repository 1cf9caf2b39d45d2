"""`python -m torchfix_observer DESCRIPTOR`: serve jobs from standard input, events to the descriptor."""

import os
import sys

# The folder that this package was copied to must not be seen by the program.
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") != os.path.realpath(_HERE)]


def main():
    from .running import die_with_parent

    die_with_parent()
    from . import server

    server.serve(int(sys.argv[1]))


if __name__ == "__main__":
    main()
