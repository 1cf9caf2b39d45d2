import torch
import torch.nn as nn


class Actor(nn.Module):
    def __init__(self, state_size, action_size, hidden=32):
        super(Actor, self).__init__()
        self.net = nn.Sequential(
            nn.Linear(state_size, hidden), nn.ReLU(),
            nn.Linear(hidden, action_size), nn.Tanh())

    def forward(self, state):
        return self.net(state)


class Critic(nn.Module):
    def __init__(self, state_size, action_size, hidden=32):
        super(Critic, self).__init__()
        self.first = nn.Linear(state_size + action_size, hidden)
        self.value = nn.Linear(hidden, 1)

    def forward(self, state, action):
        x = torch.relu(self.first(torch.cat([state, action], dim=1)))
        return self.value(x)
