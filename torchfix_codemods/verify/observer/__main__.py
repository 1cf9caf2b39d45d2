"""`python -m torchfix_observer DESCRIPTOR`: serve jobs from standard input, events to the descriptor.

With a job as second argument: that one job, in this process.
"""

import json
import os
import sys

# The folder that this package was copied to must not be seen by the program.
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry or ".") != os.path.realpath(_HERE)]


def main():
    from .running import die_with_parent

    die_with_parent()
    from . import server
    from .job import Job

    descriptor = int(sys.argv[1])
    if len(sys.argv) > 2:
        server.once(Job(json.loads(sys.argv[2])), descriptor)
    else:
        server.serve(descriptor)


if __name__ == "__main__":
    main()
