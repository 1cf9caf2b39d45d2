"""Runs the probe in a layer, as whatever user this process is: `python sandbox_host.py LAYER GUARD OUTSIDE`."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = HERE.parent.parent


def main(asked: str, guard: str, outside: str) -> None:
    sys.path.insert(0, str(PACKAGES))
    from torchfix_codemods.verify.sandbox.environment import environment
    from torchfix_codemods.verify.sandbox.sandbox import Sandbox

    os.environ["HOME"] = f"{outside}/home"
    with Sandbox(Path(outside) / "project", layer=asked) as sandbox, socket.create_server(("127.0.0.1", 0)) as server:
        extra = {"REAL_HOME": f"{outside}/home", "HOST_PID": str(os.getpid())}
        armed = f"{PACKAGES}{':contained' if sandbox.contained else ''}" if guard == "guard" else "-"
        program = sandbox.start(
            [sys.executable, "probe.py", armed, str(server.getsockname()[1]), outside],
            cwd=sandbox.variant("probe", {"probe.py": (HERE / "sandbox_probe.py").read_bytes()}),
            env=environment(os.environ, sandbox.folder, extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None,
        )
        out, _ = program.communicate(timeout=60)
        print(json.dumps({"layer": sandbox.layer, "status": program.returncode, **json.loads(out or "{}")}))


main(*sys.argv[1:])
