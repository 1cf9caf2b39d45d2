import torch
import torch.nn as nn
import torch.nn.functional as F


class ValueNetwork(nn.Module):
    def __init__(self, state_dim, hidden):
        super().__init__()
        self.linear1 = nn.Linear(state_dim, hidden)
        self.linear2 = nn.Linear(hidden, 1)

    def forward(self, state):
        return self.linear2(F.relu(self.linear1(state)))


class QNetwork(nn.Module):
    def __init__(self, state_dim, action_dim, hidden):
        super().__init__()
        self.linear1 = nn.Linear(state_dim + action_dim, hidden)
        self.linear2 = nn.Linear(hidden, 1)

    def forward(self, state, action):
        return self.linear2(F.relu(self.linear1(torch.cat([state, action], 1))))


class PolicyNetwork(nn.Module):
    def __init__(self, state_dim, action_dim, hidden):
        super().__init__()
        self.linear1 = nn.Linear(state_dim, hidden)
        self.mean = nn.Linear(hidden, action_dim)
        self.log_std = nn.Linear(hidden, action_dim)

    def forward(self, state):
        x = F.relu(self.linear1(state))
        return self.mean(x), self.log_std(x).clamp(-20, 2)

    def evaluate(self, state):
        mean, log_std = self.forward(state)
        noise = torch.randn_like(mean)
        action = torch.tanh(mean + log_std.exp() * noise)
        log_prob = -0.5 * noise.pow(2) - log_std - torch.log(1 - action.pow(2) + 1e-6)
        return action, log_prob.sum(1, keepdim=True)
