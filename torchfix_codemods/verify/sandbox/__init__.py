"""Where the user's program runs: a copy of the project, in the strongest isolation that the machine allows."""

from torchfix_codemods.verify.sandbox.environment import environment
from torchfix_codemods.verify.sandbox.sandbox import Sandbox

__all__ = ["Sandbox", "environment"]
