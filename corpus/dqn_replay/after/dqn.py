"""DQN on a corridor: walk right to the goal. After the old tutorial, with a target network."""
import math
import random

import torch
import torch.nn as nn
import torch.optim as optim
import torch.nn.functional as F
from torch.autograd import Variable

from replay import ReplayMemory, Transition

random.seed(0)
torch.manual_seed(0)

# if gpu is to be used
use_cuda = torch.cuda.is_available()
FloatTensor = torch.cuda.FloatTensor if use_cuda else torch.FloatTensor
LongTensor = torch.cuda.LongTensor if use_cuda else torch.LongTensor
Tensor = FloatTensor


class DQN(nn.Module):

    def __init__(self, length):
        super(DQN, self).__init__()
        self.hidden = nn.Linear(length, 32)
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        return self.head(F.relu(self.hidden(x)))


class Corridor(object):
    """One-hot position as the state; 0 is left, 1 is right."""

    def __init__(self, length=6):
        self.length = length

    def _state(self):
        state = torch.zeros(1, self.length)
        state[0, self.position] = 1
        return state

    def reset(self):
        self.position = 0
        self.steps = 0
        return self._state()

    def step(self, action):
        self.position = max(0, self.position + (1 if action == 1 else -1))
        self.steps += 1
        done = self.position == self.length - 1 or self.steps >= 20
        reward = 1.0 if self.position == self.length - 1 else -0.01
        return (None if done else self._state()), reward, done


BATCH_SIZE = 32
GAMMA = 0.9
EPS_START = 0.9
EPS_END = 0.05
EPS_DECAY = 100
TARGET_UPDATE = 5

env = Corridor()
policy_net = DQN(env.length)
target_net = DQN(env.length)
target_net.load_state_dict(policy_net.state_dict())

if use_cuda:
    policy_net.cuda()
    target_net.cuda()

optimizer = optim.RMSprop(policy_net.parameters(), lr=0.005)
memory = ReplayMemory(1000)

steps_done = 0


@torch.no_grad()
def select_action(state):
    global steps_done
    sample = random.random()
    eps_threshold = EPS_END + (EPS_START - EPS_END) * \
        math.exp(-1. * steps_done / EPS_DECAY)
    steps_done += 1
    if sample > eps_threshold:
        return policy_net(
            Variable(state).type(FloatTensor)).data.max(1)[1].view(1, 1)
    else:
        return LongTensor([[random.randrange(2)]])


def optimize_model():
    if len(memory) < BATCH_SIZE:
        return
    transitions = memory.sample(BATCH_SIZE)
    # Transpose the batch
    batch = Transition(*zip(*transitions))

    # Compute a mask of non-final states and concatenate the batch elements
    non_final_mask = torch.tensor([s is not None for s in batch.next_state])

    # We don't want to backprop through the expected action values and volatile
    # will save us on temporarily changing the model parameters'
    # requires_grad to False!
    non_final_next_states = Variable(torch.cat([s for s in batch.next_state
                                                if s is not None]))
    state_batch = Variable(torch.cat(batch.state))
    action_batch = Variable(torch.cat(batch.action))
    reward_batch = Variable(torch.cat(batch.reward))

    # Compute Q(s_t, a) - the model computes Q(s_t), then we select the
    # columns of actions taken
    state_action_values = policy_net(state_batch).gather(1, action_batch)

    # Compute V(s_{t+1}) for all next states.
    next_state_values = Variable(torch.zeros(BATCH_SIZE).type(Tensor))
    with torch.no_grad():
        next_state_values[non_final_mask] = target_net(non_final_next_states).max(1)[0]
    # Now, we don't want to mess up the loss with a volatile flag, so let's
    # clear it. After this, we'll just end up with a Variable that has
    # requires_grad=False
    # Compute the expected Q values
    expected_state_action_values = (next_state_values * GAMMA) + reward_batch

    # Compute Huber loss
    loss = F.smooth_l1_loss(state_action_values, expected_state_action_values.unsqueeze(1))

    # Optimize the model
    optimizer.zero_grad()
    loss.backward()
    for param in policy_net.parameters():
        param.grad.data.clamp_(-1, 1)
    optimizer.step()


num_episodes = 25
for i_episode in range(num_episodes):
    state = env.reset()
    total = 0
    while True:
        # Select and perform an action
        action = select_action(state)
        next_state, reward, done = env.step(action[0, 0].item())
        total += reward

        # Store the transition in memory
        memory.push(state, action, next_state, Tensor([reward]))
        state = next_state

        # Perform one step of the optimization
        optimize_model()
        if done:
            break
    if i_episode % TARGET_UPDATE == 0:
        target_net.load_state_dict(policy_net.state_dict())
    print('episode %d: %.2f' % (i_episode, total))

print('Complete')
