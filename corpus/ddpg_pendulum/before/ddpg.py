"""DDPG on a weight that has to be pushed to the middle."""
import copy
import random
from collections import deque

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Actor(nn.Module):
    def __init__(self, n_state, n_action):
        super(Actor, self).__init__()
        self.l1 = nn.Linear(n_state, 32)
        self.l2 = nn.Linear(32, n_action)

    def forward(self, state):
        return torch.tanh(self.l2(F.relu(self.l1(state))))


class Critic(nn.Module):
    def __init__(self, n_state, n_action):
        super(Critic, self).__init__()
        self.l1 = nn.Linear(n_state + n_action, 32)
        self.l2 = nn.Linear(32, 1)

    def forward(self, state, action):
        return self.l2(F.relu(self.l1(torch.cat([state, action], 1))))


class DDPG(object):
    def __init__(self, n_state, n_action, discount=0.95, tau=0.05):
        self.actor = Actor(n_state, n_action).to(device)
        self.actor_target = copy.deepcopy(self.actor)
        self.actor_optimizer = optim.Adam(self.actor.parameters(), lr=1e-3)
        self.critic = Critic(n_state, n_action).to(device)
        self.critic_target = copy.deepcopy(self.critic)
        self.critic_optimizer = optim.Adam(self.critic.parameters(), lr=5e-3)
        self.discount = discount
        self.tau = tau

    def select_action(self, state):
        with torch.no_grad():
            return self.actor(state.to(device).unsqueeze(0)).squeeze(0).cpu()

    def train(self, batch):
        state, action, next_state, reward, not_done = (torch.stack(part).to(device) for part in zip(*batch))

        # Compute the target Q value
        target_Q = self.critic_target(next_state, self.actor_target(next_state))
        target_Q = reward + (not_done * self.discount * target_Q).detach()

        # Get current Q estimate
        current_Q = self.critic(state, action)
        critic_loss = F.mse_loss(current_Q, target_Q)
        self.critic_optimizer.zero_grad()
        critic_loss.backward()
        self.critic_optimizer.step()

        # Actor: up the critic's slope
        actor_loss = -self.critic(state, self.actor(state)).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()

        # Update the frozen target models
        for net, target in ((self.critic, self.critic_target), (self.actor, self.actor_target)):
            for param, target_param in zip(net.parameters(), target.parameters()):
                target_param.data.copy_(self.tau * param.data + (1 - self.tau) * target_param.data)
        return critic_loss.item()


def step(state, action):
    position, speed = state
    speed = 0.9 * speed + 0.3 * action[0]
    position = position + 0.1 * speed
    return torch.stack([position, speed]), -position.abs()


def main():
    random.seed(4)
    torch.manual_seed(4)
    policy = DDPG(2, 1)
    memory = deque(maxlen=1000)
    for episode in range(6):
        state, total, loss = torch.tensor([random.uniform(-1, 1), 0.0]), 0.0, 0.0
        for t in range(20):
            action = (policy.select_action(state) + 0.2 * torch.randn(1)).clamp(-1, 1)
            next_state, reward = step(state, action)
            memory.append((state, action, next_state, reward.view(1), torch.tensor([float(t < 19)])))
            state, total = next_state, total + reward.item()
            if len(memory) >= 32:
                loss = policy.train(random.sample(memory, 32))
        print('episode %d: return %.3f, critic loss %.4f' % (episode, total, loss))


if __name__ == '__main__':
    main()
