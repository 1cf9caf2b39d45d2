#!/usr/bin/env python
"""DDPG on a point that has to roll to the origin. One network per role, slow copies for the targets."""
import copy
import random
from collections import deque

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

from models import Actor, Critic

BATCH_SIZE = 4
GAMMA = 0.95
TAU = 0.05

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
random.seed(1)
np.random.seed(1)
torch.manual_seed(1)


class Point(object):
    """Position and speed on a line; an action is a push."""

    def reset(self):
        self.state = np.random.uniform(-1, 1, 2).astype(np.float32)
        self.steps = 0
        return self.state

    def step(self, action):
        position, speed = self.state
        speed = 0.9 * speed + 0.3 * float(action)
        self.state = np.array([position + speed, speed], dtype=np.float32)
        self.steps += 1
        return self.state, -abs(float(self.state[0])), self.steps >= 20


class Agent(object):
    def __init__(self, state_size, action_size):
        self.actor = Actor(state_size, action_size).to(device)
        self.critic = Critic(state_size, action_size).to(device)
        self.actor_target = copy.deepcopy(self.actor)
        self.critic_target = copy.deepcopy(self.critic)
        self.actor_optimizer = optim.Adam(self.actor.parameters(), lr=1e-3)
        self.critic_optimizer = optim.Adam(self.critic.parameters(), lr=1e-2)
        self.criterion = nn.SmoothL1Loss()
        self.memory = deque(maxlen=500)

    def act(self, state):
        # called between two steps of training, nothing is learned from it
        with torch.no_grad():
            action = self.actor(torch.from_numpy(state).unsqueeze(0).to(device))
        return action[0].cpu().numpy() + 0.1 * np.random.randn(1)

    def learn(self):
        if len(self.memory) < BATCH_SIZE:
            return
        states, actions, rewards, followers, ends = zip(*random.sample(self.memory, BATCH_SIZE))
        states = torch.tensor(np.stack(states), device=device)
        actions = torch.tensor(np.stack(actions), dtype=torch.float32, device=device)
        rewards = torch.tensor(rewards, dtype=torch.float32, device=device).unsqueeze(1)
        followers = torch.tensor(np.stack(followers), device=device)
        ends = torch.tensor(ends, dtype=torch.float32, device=device).unsqueeze(1)

        # ---------------------------- critic ---------------------------- #
        # what the slow copies would do, and what they think of it
        next_actions = self.actor_target(followers)
        next_values = self.critic_target(followers, next_actions)  # (batch, 1)
        expected = rewards + GAMMA * (1 - ends) * next_values
        critic_loss = self.criterion(self.critic(states, actions), expected)
        self.critic_optimizer.zero_grad()
        critic_loss.backward()
        nn.utils.clip_grad_norm_(self.critic.parameters(), 1.0)
        self.critic_optimizer.step()

        # ---------------------------- actor ----------------------------- #
        # the gradient goes through the critic here, which is right
        actor_loss = -self.critic(states, self.actor(states)).mean()
        self.actor_optimizer.zero_grad()
        actor_loss.backward()
        self.actor_optimizer.step()

        self.follow(self.actor_target, self.actor)
        self.follow(self.critic_target, self.critic)
        return critic_loss.item()

    @staticmethod
    def follow(slow, fast):
        for slow_param, fast_param in zip(slow.parameters(), fast.parameters()):
            slow_param.data.copy_(TAU * fast_param.data + (1.0 - TAU) * slow_param.data)


def pretrain(actor, agent, batches=6):
    """Copy the first, random behaviour into another actor, with noise on what it sees."""
    optimizer = optim.SGD(actor.parameters(), lr=0.1)
    for _ in range(batches):
        states = torch.randn(32, 2, device=device)
        loss = F.mse_loss(actor(states + 0.1 * torch.randn_like(states)), agent.actor_target(states))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    env = Point()
    agent = Agent(2, 1)
    print("imitation %.4f" % pretrain(Actor(2, 1, hidden=8).to(device), agent))
    for episode in range(4):
        state, done, total = env.reset(), False, 0.0
        while not done:
            action = agent.act(state)
            follower, reward, done = env.step(action[0])
            agent.memory.append((state, action, reward, follower, float(done)))
            loss = agent.learn()
            state, total = follower, total + reward
        print("episode %d: %.2f" % (episode, total), "" if loss is None else "loss %.4f" % loss)
