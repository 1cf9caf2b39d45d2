import argparse

import torch
import torch.nn as nn
from torch.nn import functional as F

parser = argparse.ArgumentParser(description="LSTM sentiment")
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--batch", type=int, default=25)
parser.add_argument("--hidden", type=int, default=24)
args = parser.parse_args()

VOCAB = 30
USE_CUDA = torch.cuda.is_available()
torch.manual_seed(4)

def reviews(n):
	"""Words below 10 are good ones, words from 20 are bad ones."""
	y = torch.arange(n) % 2
	x = torch.randint(10, 20, (n, 9))
	told = torch.randint(0, 10, (n, 3)) + 20 * y.unsqueeze(1)
	x[:, 2:5] = told
	return list(zip(x.split(args.batch), y.split(args.batch)))

class LSTMSentiment(nn.Module):

	def __init__(self, embedding_dim, hidden_dim, vocab_size, label_size):
		super(LSTMSentiment, self).__init__()
		self.hidden_dim = hidden_dim
		self.embeddings = nn.Embedding(vocab_size, embedding_dim)
		self.lstm = nn.LSTM(embedding_dim, hidden_dim, batch_first=True)
		self.drop = nn.Dropout(0.4)
		self.hidden2label = nn.Linear(hidden_dim, label_size)

	def forward(self, sentence):
		x = self.embeddings(sentence)
		lstm_out, (h, c) = self.lstm(x)
		y = self.hidden2label(self.drop(h[-1]))
		return F.softmax(y, dim=1)	# (batch, label)

def train_epoch(model, batches, loss_function, optimizer):
	model.train()
	avg_loss = 0.0
	for sent, label in batches:
		if USE_CUDA: sent, label = sent.cuda(), label.cuda()
		model.zero_grad()
		pred = model(sent)
		loss = loss_function(pred, label)
		avg_loss += loss.item()
		loss.backward()
		optimizer.step()
	return avg_loss / len(batches)

def evaluate(model, batches, loss_function):
	right, total, sure, avg_loss = 0, 0, 0, 0.0
	for sent, label in batches:
		if USE_CUDA:
			sent, label = sent.cuda(), label.cuda()
		pred = model(sent)
		avg_loss += loss_function(pred, label).item()
		right += (pred.argmax(1) == label).sum().item()
		sure += (pred[:, 1] > 0.5).sum().item()	# says "bad"
		total += label.size(0)
	return avg_loss / len(batches), right / total, sure / total

model = LSTMSentiment(16, args.hidden, VOCAB, 2)
if USE_CUDA:
	model = model.cuda()
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
train, dev = reviews(200), reviews(100)

for epoch in range(args.epochs):
	loss = train_epoch(model, train, loss_function, optimizer)
	dev_loss, acc, bad = evaluate(model, dev, loss_function)
	print("epoch", epoch, "loss %.4f dev %.4f acc %.2f bad %.2f" % (loss, dev_loss, acc, bad))
