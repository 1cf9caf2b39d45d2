import random
import string

import torch
from torch.autograd import Variable

all_letters = string.ascii_lowercase
n_letters = len(all_letters)

all_categories = ['vowels', 'consonants', 'mixed']
n_categories = len(all_categories)

def random_word(category, rng=random):
    letters = {'vowels': 'aeiou', 'consonants': 'bcdfghjklmn', 'mixed': all_letters}[category]
    return ''.join(rng.choice(letters) for _ in range(rng.randint(3, 7)))

# Turn a line into a <line_length x 1 x n_letters>,
# or an array of one-hot letter vectors
def line_to_tensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for li, letter in enumerate(line):
        tensor[li][0][all_letters.find(letter)] = 1
    return Variable(tensor)

def random_training_pair():
    category = random.choice(all_categories)
    line = random_word(category)
    category_tensor = Variable(torch.LongTensor([all_categories.index(category)]))
    return category, line, category_tensor, line_to_tensor(line)
