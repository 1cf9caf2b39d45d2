"""A corpus in place of one that isn't there: sentences with something in them that a model can learn."""

import random
import zlib

#: Enough for 20 columns of 35 steps and a few batches of them.
SENTENCES, WORDS_IN_A_SENTENCE, VOCABULARY, FOLLOWERS = 1200, 12, 200, 4


def write(path, seed):
    """Write a text at `path`. The name seeds the choice of sentences, the seed alone the language they are in."""
    language = random.Random(seed)
    words = [f"word{number}" for number in range(VOCABULARY)]
    # Each word is followed by one of a few: that is what there is to learn.
    followers = {word: language.sample(words, FOLLOWERS) for word in words}
    choice = random.Random(zlib.crc32(path.rsplit("/", 1)[-1].encode()) + seed)
    with open(path, "w", encoding="ascii") as file:
        for _ in range(SENTENCES):
            file.write(" ".join(_sentence(words, followers, choice)) + "\n")


def _sentence(words, followers, choice):
    word = choice.choice(words)
    for _ in range(WORDS_IN_A_SENTENCE):
        yield word
        word = choice.choice(followers[word])
