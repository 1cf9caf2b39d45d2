"""Programs that look like evaluation and must not be rewritten by default, though every name in them is resolved."""

from __future__ import annotations

from textwrap import dedent

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import eval_without_no_grad, missing_eval_mode

HEAD = """
import asyncio, torch, torch.nn as nn
import torch.nn.functional as F
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = [(torch.randn(2, 4), torch.tensor([0, 1]))]
"""

NO_GRAD = {
    "a deque keeps log-probabilities for an update": """
        from collections import deque
        memory = deque(maxlen=10)
        def act(x):
            p = F.log_softmax(model(x), 1)[:, 0]
            memory.append(p)
            return p.argmax().item()
        def finish():
            loss = -torch.cat(list(memory)).sum()
            loss.backward()
            optimizer.step()
        model.eval()
        act(loader[0][0])
        finish()
        """,
    "a dictionary of lists keeps them": """
        
        memory = {}
        def act(x):
            p = F.log_softmax(model(x), 1)[:, 0]
            memory.setdefault('p', []).append(p)
            return p.argmax().item()
        def finish():
            loss = -torch.cat(memory['p']).sum()
            loss.backward()
            optimizer.step()
        model.eval()
        act(loader[0][0])
        finish()
        """,
    "a heap keeps them": """
        import heapq
        memory = []
        def act(x):
            p = F.log_softmax(model(x), 1)[:, 0]
            heapq.heappush(memory, (len(memory), p))
            return p.argmax().item()
        def finish():
            loss = -torch.cat([p for _, p in memory]).sum()
            loss.backward()
            optimizer.step()
        model.eval()
        act(loader[0][0])
        finish()
        """,
    "a set keeps them": """
        
        memory = set()
        def act(x):
            p = F.log_softmax(model(x), 1)[:, 0]
            memory.add(p)
            return p.argmax().item()
        def finish():
            loss = -torch.cat(list(memory)).sum()
            loss.backward()
            optimizer.step()
        model.eval()
        act(loader[0][0])
        finish()
        """,
    "objects keep them": """
        import dataclasses
        @dataclasses.dataclass
        class Move:
            p: object
        memory = []
        def act(x):
            p = F.log_softmax(model(x), 1)[:, 0]
            memory.append(Move(p))
            return p.argmax().item()
        def finish():
            loss = -torch.cat([m.p for m in memory]).sum()
            loss.backward()
            optimizer.step()
        model.eval()
        act(loader[0][0])
        finish()
        """,
    "an attribute on which backward is called later": """
        class Search:
            def __init__(self):
                self.alpha = nn.Parameter(torch.ones(()))
            def validate(self):
                model.eval()
                for x, y in loader:
                    self.loss_alpha = (model(x).detach() * self.alpha).mean()
            def update(self):
                self.loss_alpha.backward()
        search = Search()
        search.validate()
        search.update()
        """,
    "an attack of another library gets the model": """
        from robustness import strengthen
        def evaluate(net):
            net.eval()
            for x, y in loader:
                print((net(strengthen(net, x, y)).argmax(1) == y).sum())
        evaluate(model)
        """,
    "an attack object of another library": """
        import torchattacks
        attack = torchattacks.PGD(model)
        def evaluate(net):
            net.eval()
            for x, y in loader:
                print((net(attack(x, y)).argmax(1) == y).sum())
        evaluate(model)
        """,
    "the forward differentiates in a helper function": """
        def force(energy, x):
            x.requires_grad_(True)
            return -torch.autograd.grad(energy(x).sum(), x)[0]
        class Potential(nn.Module):
            def __init__(self):
                super().__init__()
                self.energy = nn.Linear(4, 1)
            def forward(self, x):
                return force(self.energy, x)
        potential = Potential()
        def evaluate(net):
            net.eval()
            for x, y in loader:
                print(net(x).abs().sum().item())
        evaluate(potential)
        """,
    "losses wait in a list of the module for another function": """
        pending = []
        def evaluate(net):
            for x, y in loader:
                pending.append(F.cross_entropy(net(x), y))
        def update():
            sum(pending).backward()
            optimizer.step()
        evaluate(model)
        update()
        """,
    "losses wait in a dict of the module": """
        pending = {}
        def evaluate(net):
            for number, (x, y) in enumerate(loader):
                pending[number] = F.cross_entropy(net(x), y)
        def update():
            for number in pending:
                pending[number].backward()
            optimizer.step()
        evaluate(model)
        update()
        """,
    "a decorator does not reach the body of a coroutine": """
        async def evaluate(net):
            net.eval()
            for x, y in loader:
                print(net(x).argmax(1))
        asyncio.run(evaluate(model))
        """,
    "other tasks run while the block waits": """
        async def epochs(net, batches):
            for _ in range(2):
                net.train()
                F.cross_entropy(net(loader[0][0]), loader[0][1]).backward()
                optimizer.step()
                net.eval()
                async for x in batches:
                    print(net(x).argmax(1))
        asyncio.run(epochs(model, None))
        """,
}

EVAL = {
    "Monte Carlo dropout in a comprehension": """
        def evaluate(net):
            with torch.no_grad():
                for x, y in loader:
                    print(torch.stack([net(x) for _ in range(30)]).std(0))
        evaluate(model)
        """,
    "Monte Carlo dropout in a loop": """
        def test(net):
            for x, y in loader:
                total = 0
                for _ in range(30):
                    with torch.no_grad():
                        total = total + F.softmax(net(x), 1)
                print(total.max(1))
        test(model)
        """,
    "the statistics of batch norm are gathered anew": """
        F.cross_entropy(model(loader[0][0]), loader[0][1]).backward()
        optimizer.step()
        with torch.no_grad():
            for x, y in loader:
                model(x)
        """,
    "a part is kept in evaluation mode": """
        model[1].eval()
        def evaluate(net):
            with torch.no_grad():
                return sum((net(x).argmax(1) == y).sum().item() for x, y in loader)
        for epoch in range(2):
            for x, y in loader:
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
            evaluate(model)
        """,
    "a part is kept in evaluation mode by its flag": """
        for part in model[:2].modules():
            part.training = False
        def evaluate(net):
            with torch.no_grad():
                return sum((net(x).argmax(1) == y).sum().item() for x, y in loader)
        for epoch in range(2):
            for x, y in loader:
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()
            evaluate(model)
        """,
}


def defaults(found):
    return [finding for finding in found if finding.fix is not None and finding.level < Level.SUGGESTION]


@pytest.mark.parametrize("program", NO_GRAD.values(), ids=NO_GRAD)
def test_no_gradient_is_switched_off_where_somebody_may_need_it(findings, program):
    assert not defaults(findings({"main.py": HEAD + dedent(program)}, eval_without_no_grad.RULE))


@pytest.mark.parametrize("program", EVAL.values(), ids=EVAL)
def test_no_mode_is_switched_where_the_mode_is_meant(findings, program):
    assert not defaults(findings({"main.py": HEAD + dedent(program)}, missing_eval_mode.RULE))


def test_a_loop_over_ranges_of_the_data_is_an_evaluation(findings):
    program = """
        def evaluate(net, data, target):
            with torch.no_grad():
                for start in range(0, len(data), 2):
                    x = data[start : start + 2]
                    print((net(x).argmax(1) == target[start : start + 2]).sum())
        evaluate(model, torch.randn(8, 4), torch.zeros(8).long())
        """
    assert defaults(findings({"main.py": HEAD + dedent(program)}, missing_eval_mode.RULE))


def test_a_loop_over_phases_may_call_a_function_that_runs_one(findings):
    program = """
        def run(name):
            for x, y in loader:
                loss = F.cross_entropy(model(x), y)
                if name == "fit":
                    loss.backward()
                    optimizer.step()
        for name in ("fit", "val"):
            run(name)
        """
    for rule in (eval_without_no_grad.RULE, missing_eval_mode.RULE):
        assert not defaults(findings({"main.py": HEAD + dedent(program)}, rule))
