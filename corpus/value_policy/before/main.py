import argparse
import random

import torch
import torch.nn as nn
import torch.optim as optim

from nets import PolicyNetwork, QNetwork, ValueNetwork

parser = argparse.ArgumentParser()
parser.add_argument('--batch_size', default=16, type=int)
parser.add_argument('--hidden', default=32, type=int)
parser.add_argument('--updates', default=12, type=int)
parser.add_argument('--gamma', default=0.99, type=float)
parser.add_argument('--tau', default=0.01, type=float)
parser.add_argument('--lr', default=3e-4, type=float)
args = parser.parse_args()

device = 'cuda' if torch.cuda.is_available() else 'cpu'
STATE_DIM, ACTION_DIM = 3, 1


class Replay:
    def __init__(self):
        self.memory = []

    def push(self, *transition):
        self.memory.append(transition)

    def sample(self, batch_size):
        batch = random.sample(self.memory, batch_size)
        return [torch.stack(part).to(device) for part in zip(*batch)]


class Agent(object):
    def __init__(self):
        self.value_net = ValueNetwork(STATE_DIM, args.hidden).to(device)
        self.target_net = ValueNetwork(STATE_DIM, args.hidden).to(device)
        self.q_net = QNetwork(STATE_DIM, ACTION_DIM, args.hidden).to(device)
        self.policy_net = PolicyNetwork(STATE_DIM, ACTION_DIM, args.hidden).to(device)
        self.value_optimizer = optim.Adam(self.value_net.parameters(), lr=args.lr)
        self.q_optimizer = optim.Adam(self.q_net.parameters(), lr=args.lr)
        self.policy_optimizer = optim.Adam(self.policy_net.parameters(), lr=args.lr)
        self.criterion = nn.MSELoss()
        self.target_net.load_state_dict(self.value_net.state_dict())

    def update(self, replay):
        state, action, reward, next_state, done = replay.sample(args.batch_size)

        expected_value = self.value_net(state)
        expected_q = self.q_net(state, action)
        new_action, log_prob = self.policy_net.evaluate(state)
        next_q = reward + (1 - done) * args.gamma * self.target_net(next_state)
        new_q = self.q_net(state, new_action)

        value_loss = self.criterion(expected_value, (new_q - log_prob).detach())
        q_loss = self.criterion(expected_q, next_q.detach())
        policy_loss = (log_prob * (log_prob - (new_q - expected_value)).detach()).mean()

        # mini batch gradient descent
        self.value_optimizer.zero_grad()
        value_loss.backward(retain_graph=True)
        nn.utils.clip_grad_norm_(self.value_net.parameters(), 0.5)
        self.value_optimizer.step()

        self.q_optimizer.zero_grad()
        q_loss.backward(retain_graph = True)
        nn.utils.clip_grad_norm_(self.q_net.parameters(), 0.5)
        self.q_optimizer.step()

        self.policy_optimizer.zero_grad()
        policy_loss.backward(retain_graph = True)
        nn.utils.clip_grad_norm_(self.policy_net.parameters(), 0.5)
        self.policy_optimizer.step()

        # soft update
        for target, source in zip(self.target_net.parameters(), self.value_net.parameters()):
            target.data.copy_(target * (1 - args.tau) + source * args.tau)
        return value_loss.item(), q_loss.item(), policy_loss.item()


def main():
    torch.manual_seed(7)
    random.seed(7)
    agent, replay = Agent(), Replay()
    for _ in range(64):
        state = torch.rand(STATE_DIM)
        action = torch.rand(ACTION_DIM) * 2 - 1
        reward = -(action - state[:1]).abs()
        replay.push(state, action, reward, torch.rand(STATE_DIM), torch.zeros(1))
    for update in range(args.updates):
        losses = agent.update(replay)
        print('update {}: value {:.4f}, q {:.4f}, policy {:.4f}'.format(update, *losses))


if __name__ == '__main__':
    main()
