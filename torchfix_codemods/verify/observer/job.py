"""One run, as the host asks for it. Every field has a default, so that an older host can be answered."""


class Job:
    """What to run and how far. Paths are absolute; `marks` maps paths below `root` to [mark, first line, last line].

    `hold`: optimizers leave the parameters as they are.
    """

    def __init__(self, given):
        limits = given.get("limits", {})
        self.token = given.get("token", "")  # of its events
        self.script = given["script"]
        self.module = given.get("module", "")  # its name, for a script that is run by it
        self.paths = list(given.get("paths", ()))  # where the program's imports are found
        self.project = given.get("project", "")  # the original of `root`: nothing may be imported from there
        self.args = list(given.get("args", ()))
        self.root = given["root"]
        self.cwd = given.get("cwd", self.root)
        self.writable = list(given.get("writable", ()))
        self.homes = list(given.get("homes", ()))  # whose secrets are not read
        self.env = dict(given.get("env", {}))
        self.seed = int(given.get("seed", 0))
        self.fixed_seeds = bool(given.get("fixed_seeds", False))
        self.inner = int(limits.get("inner", 4))
        self.outer = int(limits.get("outer", 2))
        self.evaluating = int(limits.get("evaluating", 0))  # at least so far goes a loop in which nothing is trained
        self.steps = int(limits.get("steps", 64))
        self.forwards = int(limits.get("forwards", 2000))
        self.seconds = float(limits.get("seconds", 60))
        self.batch = int(limits.get("batch", 16))
        self.device = given.get("device", "auto")
        self.shadow = bool(given.get("shadow", False))
        self.standins = frozenset(given.get("standins", ()))
        self.legacy = bool(given.get("legacy", True))
        self.guard = bool(given.get("guard", False))
        self.contained = bool(given.get("contained", False))  # the sandbox itself stops writes and the network
        self.marks = {path: [tuple(mark) for mark in marks] for path, marks in given.get("marks", {}).items()}
        self.anomaly = bool(given.get("anomaly", False))
        self.hold = bool(given.get("hold", False))
        self.repeat = bool(given.get("repeat", False))
        self.threads = int(given.get("threads", 1))
