"""Two critics and their slow copies, on made-up transitions."""
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

GAMMA, TAU = 0.95, 0.02
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Critic(nn.Module):
    def __init__(self, state_dim=4, action_dim=2, hidden=24):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(state_dim + action_dim, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, state, action):
        return self.net(torch.cat([state, action], dim=1))


class Agent:
    def __init__(self):
        self.critic1, self.critic2 = Critic().to(device), Critic().to(device)
        self.critic1_target = copy.deepcopy(self.critic1)
        self.critic2_target = copy.deepcopy(self.critic2)
        self.optimizer1 = torch.optim.Adam(self.critic1.parameters(), lr=3e-3)
        self.optimizer2 = torch.optim.Adam(self.critic2.parameters(), lr=3e-3)

    @torch.no_grad()
    def wanted(self, reward, state, action, done):
        """The lower of two opinions."""
        values = torch.min(self.critic1_target(state, action), self.critic2_target(state, action))
        return reward + GAMMA * (1 - done) * values

    def learn(self, batch):
        state, action, reward, next_state, next_action, done = batch
        target = self.wanted(reward, next_state, next_action, done)
        loss1 = F.mse_loss(self.critic1(state, action), target)

        # the second one is pulled to what the slow copy says, too
        with torch.no_grad():
            slow = self.critic2_target(state, action)
        now = self.critic2(state, action)
        loss2 = F.mse_loss(now, target) + 0.1 * F.smooth_l1_loss(now, slow)

        self.optimizer1.zero_grad()
        self.optimizer2.zero_grad()
        (loss1 + loss2).backward()
        nn.utils.clip_grad_norm_(self.critic1.parameters(), 1.0)
        self.optimizer1.step()
        self.optimizer2.step()

        for fast, slow_net in ((self.critic1, self.critic1_target), (self.critic2, self.critic2_target)):
            for p, slow_p in zip(fast.parameters(), slow_net.parameters()):
                slow_p.data.lerp_(p.data, TAU)
        return loss1.item(), loss2.item()


def transitions(n=32):
    state, action = torch.randn(n, 4), torch.rand(n, 2)
    reward = (state[:, :1] * action[:, :1]).tanh()
    done = (torch.rand(n, 1) > 0.9).float()
    return [t.to(device) for t in (state, action, reward, state + 0.1, torch.rand(n, 2), done)]


if __name__ == "__main__":
    torch.manual_seed(8)
    agent = Agent()
    for step in range(8):
        print("step %d: %.4f %.4f" % (step, *agent.learn(transitions())))
