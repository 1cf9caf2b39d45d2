import random

import torch
from data import *
from model import *

random.seed(2)
torch.manual_seed(2)

n_hidden = 32
n_iters = 400
print_every = 100
learning_rate = 0.02 # If you set this too high, it might explode. If too low, it might not learn

def category_from_output(output):
    top_n, top_i = output.data.topk(1) # Tensor out of Variable with .data
    category_i = top_i[0][0].item()
    return all_categories[category_i], category_i

rnn = RNN(n_letters, n_hidden, n_categories)
optimizer = torch.optim.SGD(rnn.parameters(), lr=learning_rate)
criterion = nn.NLLLoss()

def train(category_tensor, line_tensor):
    hidden = rnn.init_hidden()
    optimizer.zero_grad()

    for i in range(line_tensor.size()[0]):
        output, hidden = rnn(line_tensor[i], hidden)

    loss = criterion(output, category_tensor)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(rnn.parameters(), 5)

    optimizer.step()

    return output, loss.item()

# Just return an output given a line
@torch.no_grad()
def evaluate(line_tensor):
    hidden = rnn.init_hidden()

    for i in range(line_tensor.size()[0]):
        output, hidden = rnn(line_tensor[i], hidden)

    return output

current_loss = 0
for iter in range(1, n_iters + 1):
    category, line, category_tensor, line_tensor = random_training_pair()
    output, loss = train(category_tensor, line_tensor)
    current_loss += loss

    # Print iter number, loss, name and guess
    if iter % print_every == 0:
        guess, guess_i = category_from_output(output)
        correct = '✓' if guess == category else '✗ (%s)' % category
        print('%d %d%% %.4f %s / %s %s' % (iter, iter / n_iters * 100, current_loss / print_every,
                                           line, guess, correct))
        current_loss = 0

for word in ['aeiou', 'bcdfg', 'quiz']:
    output = evaluate(line_to_tensor(word))
    print(word, category_from_output(output)[0], '(%.2f)' % output.exp().max().item())
