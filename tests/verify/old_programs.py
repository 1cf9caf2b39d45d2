"""Programs as they were written between 2017 and 2023, each of which trains for a few steps."""

from __future__ import annotations

TUTORIAL_CNN = """
import torch
import torch.nn as nn
import torchvision
import torchvision.transforms as transforms

device = torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')
num_epochs, num_classes, batch_size, learning_rate = 1, 10, 100, 0.001

train_dataset = torchvision.datasets.MNIST(root='../../data/',
                                           train=True, transform=transforms.ToTensor(), download=True)
test_dataset = torchvision.datasets.MNIST(root='../../data/', train=False, transform=transforms.ToTensor())
train_loader = torch.utils.data.DataLoader(dataset=train_dataset, batch_size=batch_size, shuffle=True)
test_loader = torch.utils.data.DataLoader(dataset=test_dataset, batch_size=batch_size, shuffle=False)


class ConvNet(nn.Module):
    def __init__(self, num_classes=10):
        super(ConvNet, self).__init__()
        self.layer1 = nn.Sequential(
            nn.Conv2d(1, 16, kernel_size=5, stride=1, padding=2), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2, 2))
        self.layer2 = nn.Sequential(
            nn.Conv2d(16, 32, kernel_size=5, stride=1, padding=2), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2, 2))
        self.fc = nn.Linear(7 * 7 * 32, num_classes)

    def forward(self, x):
        out = self.layer2(self.layer1(x))
        return self.fc(out.reshape(out.size(0), -1))


model = ConvNet(num_classes).to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
losses = []
for epoch in range(num_epochs):
    for i, (images, labels) in enumerate(train_loader):
        loss = criterion(model(images.to(device)), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if i == 11:
            break
model.eval()
with torch.no_grad():
    images, labels = next(iter(test_loader))
    _, predicted = torch.max(model(images).data, 1)
    print((predicted == labels).sum().item() / labels.size(0))
print(losses[0], losses[-1])
torch.save(model.state_dict(), 'model.ckpt')
"""

PROGRESS_BAR_CIFAR = """
import os, sys, time, math, argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
import torch.backends.cudnn as cudnn
import torchvision
import torchvision.transforms as transforms
import torchvision.models as models

_, term_width = os.popen('stty size', 'r').read().split()
term_width = int(term_width)


def progress_bar(current, total, msg=None):
    sys.stdout.write(' [' + '=' * int(10. * current / total) + ']' + (msg or '') + '\\n')


parser = argparse.ArgumentParser(description='PyTorch CIFAR10 Training')
parser.add_argument('--lr', default=0.1, type=float)
args = parser.parse_args()
transform_train = transforms.Compose([
    transforms.RandomCrop(32, padding=4),
    transforms.RandomHorizontalFlip(),
    transforms.ToTensor(),
    transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
])
trainset = torchvision.datasets.CIFAR10(root='./data', train=True, download=True, transform=transform_train)
trainloader = torch.utils.data.DataLoader(trainset, batch_size=16, shuffle=True, num_workers=0)
classes = ('plane', 'car', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck')
assert len(trainset) == 50000 and len(trainset.classes) == len(classes)
net = models.vgg11_bn()
net.classifier = nn.Linear(512 * 7 * 7, 10)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=200)
net.train()
train_loss = correct = total = 0
for batch_idx, (inputs, targets) in enumerate(trainloader):
    optimizer.zero_grad()
    outputs = net(inputs)
    loss = criterion(outputs, targets)
    loss.backward()
    optimizer.step()
    train_loss += loss.item()
    _, predicted = outputs.max(1)
    total += targets.size(0)
    correct += predicted.eq(targets).sum().item()
    progress_bar(batch_idx, len(trainloader), 'Loss: %.3f | Acc: %.3f%% (%d/%d)'
                 % (train_loss / (batch_idx + 1), 100. * correct / total, correct, total))
    if batch_idx == 1:
        break
scheduler.step()
state = {'net': net.state_dict(), 'acc': 1.0, 'epoch': 0}
torch.save(state, './checkpoint/run/ckpt.pth')
print(math.isfinite(train_loss), term_width)
"""

OFFICIAL_MNIST = """
from __future__ import print_function
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torchvision import datasets, transforms
from torch.optim.lr_scheduler import StepLR


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 13 * 13, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        return F.log_softmax(self.fc1(torch.flatten(self.dropout1(x), 1)), dim=1)


def test(model, device, test_loader):
    model.eval()
    test_loss = 0
    with torch.no_grad():
        for data, target in test_loader:
            output = model(data)
            test_loss += F.nll_loss(output, target, reduction='sum').item()
            pred = output.argmax(dim=1, keepdim=True)
            print(pred.eq(target.view_as(pred)).sum().item())
            break


def main():
    parser = argparse.ArgumentParser(description='PyTorch MNIST Example')
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--gamma', type=float, default=0.7)
    args = parser.parse_args()
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    dataset1 = datasets.MNIST('../data', train=True, download=True, transform=transform)
    dataset2 = datasets.MNIST('../data', train=False, transform=transform)
    train_loader = torch.utils.data.DataLoader(dataset1, batch_size=args.batch_size, shuffle=True)
    test_loader = torch.utils.data.DataLoader(dataset2, batch_size=100)
    model = Net()
    optimizer = optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma, verbose=True)
    model.train()
    for batch_idx, (data, target) in enumerate(train_loader):
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        if batch_idx == 3:
            break
    test(model, 'cpu', test_loader)
    scheduler.step()
    torch.save(model.state_dict(), "mnist_cnn.pt")


if __name__ == '__main__':
    main()
"""

TRANSFER_LEARNING = """
from __future__ import print_function, division
import torch
import torch.nn as nn
import torch.optim as optim
from torch.optim import lr_scheduler
import numpy as np
import torchvision
from torchvision import datasets, models, transforms
import matplotlib.pyplot as plt
import time, os, copy

plt.ion()
data_transforms = {
    'train': transforms.Compose([
        transforms.RandomResizedCrop(64), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]),
    'val': transforms.Compose([
        transforms.Scale(72), transforms.CenterCrop(64), transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]),
}
data_dir = 'data/hymenoptera_data'
image_datasets = {x: datasets.ImageFolder(os.path.join(data_dir, x), data_transforms[x]) for x in ['train', 'val']}
dataloaders = {x: torch.utils.data.DataLoader(image_datasets[x], batch_size=4, shuffle=True) for x in ['train', 'val']}
dataset_sizes = {x: len(image_datasets[x]) for x in ['train', 'val']}
class_names = image_datasets['train'].classes


def imshow(inp, title=None):
    inp = inp.numpy().transpose((1, 2, 0))
    inp = np.clip(np.array([0.229, 0.224, 0.225]) * inp + np.array([0.485, 0.456, 0.406]), 0, 1)
    plt.imshow(inp)
    plt.title(title)
    plt.pause(0.001)


inputs, classes = next(iter(dataloaders['train']))
imshow(torchvision.utils.make_grid(inputs), title=[class_names[x] for x in classes])
model_ft = models.resnet18(pretrained=True)
model_ft.fc = nn.Linear(model_ft.fc.in_features, len(class_names))
criterion = nn.CrossEntropyLoss()
optimizer_ft = optim.SGD(model_ft.parameters(), lr=0.001, momentum=0.9)
scheduler = lr_scheduler.StepLR(optimizer_ft, step_size=7, gamma=0.1)
best_model_wts = copy.deepcopy(model_ft.state_dict())
for phase in ['train', 'val']:
    model_ft.train(phase == 'train')
    for n, (inputs, labels) in enumerate(dataloaders[phase]):
        optimizer_ft.zero_grad()
        with torch.set_grad_enabled(phase == 'train'):
            outputs = model_ft(inputs)
            _, preds = torch.max(outputs, 1)
            loss = criterion(outputs, labels)
            if phase == 'train':
                loss.backward()
                optimizer_ft.step()
        if n == 2:
            break
    print(phase, loss.item() > 0, torch.sum(preds == labels.data).double() / dataset_sizes[phase] >= 0)
model_ft.load_state_dict(best_model_wts)
fig, axes = plt.subplots(1, 2)
line, = axes[0].plot([1, 2])
fig.savefig('figure.png')
plt.show()
"""

DCGAN = """
import os, random, argparse
import torch
import torch.nn as nn
import torch.optim as optim
import torchvision.datasets as dset
import torchvision.transforms as transforms
import torchvision.utils as vutils
from torch.autograd import Variable

os.makedirs('out', exist_ok=True)
dataset = dset.LSUN(root='lsun', classes=['bedroom_train'], transform=transforms.Compose([
    transforms.Scale(16), transforms.CenterCrop(16), transforms.ToTensor(),
    transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]))
dataloader = torch.utils.data.DataLoader(dataset, batch_size=8, shuffle=True, num_workers=0)
nz, ngf, ndf, nc = 10, 8, 8, 3


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find('Conv') != -1:
        m.weight.data.normal_(0.0, 0.02)
    elif classname.find('BatchNorm') != -1:
        m.weight.data.normal_(1.0, 0.02)
        m.bias.data.fill_(0)


netG = nn.Sequential(
    nn.ConvTranspose2d(nz, ngf, 4, 1, 0, bias=False), nn.BatchNorm2d(ngf), nn.ReLU(True),
    nn.ConvTranspose2d(ngf, ngf, 4, 2, 1, bias=False), nn.BatchNorm2d(ngf), nn.ReLU(True),
    nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False), nn.Tanh())
netD = nn.Sequential(nn.Conv2d(nc, ndf, 4, 4), nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(ndf, 1, 4), nn.Sigmoid())
netG.apply(weights_init)
netD.apply(weights_init)
criterion = nn.BCELoss()
optimizerD = optim.Adam(netD.parameters(), lr=0.0002, betas=(0.5, 0.999))
optimizerG = optim.Adam(netG.parameters(), lr=0.0002, betas=(0.5, 0.999))
for i, data in enumerate(dataloader, 0):
    netD.zero_grad()
    real_cpu, _ = data
    label = torch.full((real_cpu.size(0),), 1.)
    errD_real = criterion(netD(Variable(real_cpu)).view(-1), Variable(label))
    errD_real.backward()
    fake = netG(torch.randn(real_cpu.size(0), nz, 1, 1))
    errD_fake = criterion(netD(fake.detach()).view(-1), label * 0)
    errD_fake.backward()
    optimizerD.step()
    netG.zero_grad()
    errG = criterion(netD(fake).view(-1), label)
    errG.backward()
    optimizerG.step()
    print('Loss_D: %.4f Loss_G: %.4f' % (errD_real.data[0] + errD_fake.data[0], errG.data[0]))
    if i == 2:
        break
vutils.save_image(real_cpu, 'samples/real_samples.png', normalize=True)
vutils.save_image(fake.data, 'samples/fake_%03d.png' % 0, normalize=True)
print(len(dataset))
"""

WORD_LANGUAGE_MODEL = """
import os, math
import torch
import torch.nn as nn


class Dictionary(object):
    def __init__(self):
        self.word2idx, self.idx2word = {}, []

    def add_word(self, word):
        if word not in self.word2idx:
            self.idx2word.append(word)
            self.word2idx[word] = len(self.idx2word) - 1
        return self.word2idx[word]


class Corpus(object):
    def __init__(self, path):
        self.dictionary = Dictionary()
        self.train = self.tokenize(os.path.join(path, 'train.txt'))
        self.valid = self.tokenize(os.path.join(path, 'valid.txt'))

    def tokenize(self, path):
        assert os.path.exists(path)
        with open(path, 'r', encoding="utf8") as f:
            for line in f:
                for word in line.split() + ['<eos>']:
                    self.dictionary.add_word(word)
        with open(path, 'r', encoding="utf8") as f:
            return torch.tensor([self.dictionary.word2idx[w] for line in f for w in line.split() + ['<eos>']])


corpus = Corpus('./data/wikitext-2')


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    return data.narrow(0, 0, nbatch * bsz).view(bsz, -1).t().contiguous()


train_data = batchify(corpus.train, 20)
ntokens = len(corpus.dictionary.idx2word)
encoder, rnn, decoder = nn.Embedding(ntokens, 16), nn.LSTM(16, 32), nn.Linear(32, ntokens)
parameters = [p for m in (encoder, rnn, decoder) for p in m.parameters()]
criterion, lr, losses, hidden = nn.CrossEntropyLoss(), 5, [], None
for i in range(0, train_data.size(0) - 1, 35)[:20]:
    data, targets = train_data[i:i + 35], train_data[i + 1:i + 36].view(-1)
    out, hidden = rnn(encoder(data[:len(targets) // 20]), hidden)
    hidden = tuple(h.detach() for h in hidden)
    loss = criterion(decoder(out).view(-1, ntokens), targets)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 0.25)
    for p in parameters:
        p.data.add_(p.grad, alpha=-lr)
        p.grad = None
    losses.append(loss.item())
print(ntokens, len(losses), losses[-1] < losses[0] - 0.3)
"""

TENSORBOARD_2017 = """
import torch, time, collections
import numpy as np
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable
import torchvision.datasets as datasets
import torchvision.transforms as transforms
from tensorboardX import SummaryWriter
from tensorboard_logger import configure, log_value
from torch.utils.tensorboard import SummaryWriter as Newer
from progress.bar import Bar
from tqdm import tqdm, trange
from termcolor import colored
import wandb

wandb.init(project='x', config={'lr': 0.1})
configure('runs/x')
writer, newer = SummaryWriter('runs/y'), Newer(log_dir='runs/z', comment='c')


class AverageMeter(object):
    val = avg = sum = count = 0

    def update(self, val, n=1):
        self.val, self.sum, self.count = val, self.sum + val * n, self.count + n
        self.avg = self.sum / self.count


def accuracy(output, target, topk=(1,)):
    maxk, batch_size = max(topk), target.size(0)
    _, pred = output.topk(maxk, 1, True, True)
    correct = pred.t().eq(target.view(1, -1).expand_as(pred.t()))
    return [correct[:k].view(-1).float().sum(0).mul_(100.0 / batch_size) for k in topk]


loader = torch.utils.data.DataLoader(
    datasets.CIFAR100('../data', train=True, download=True, transform=transforms.ToTensor()),
    batch_size=16, shuffle=True, num_workers=0, pin_memory=False)
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
fc = nn.Linear(32, 100)
optimizer = torch.optim.SGD(list(model.parameters()) + list(fc.parameters()), wandb.config.lr)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, 'min', verbose=True)
losses, top1 = AverageMeter(), AverageMeter()
bar = Bar('Processing', max=len(loader))
end = time.clock()
for i, (input, target) in enumerate(tqdm(loader, desc='epoch')):
    target = target.cuda(async=True) if torch.cuda.is_available() else target
    input_var, target_var = Variable(input), Variable(target)
    output = fc(model(input_var).view(input.size(0), -1))
    loss = F.cross_entropy(output, target_var)
    prec1, prec5 = accuracy(output.data, target, topk=(1, 5))
    losses.update(loss.data[0], input.size(0))
    top1.update(prec1[0], input.size(0))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm(model.parameters(), 1.0)
    optimizer.step()
    bar.suffix = '({batch}/{size}) Total: {total:} | Loss: {loss:.4f}'.format(
        batch=i, size=len(loader), total=bar.elapsed_td, loss=losses.avg)
    bar.next()
    writer.add_scalar('loss', losses.avg, i)
    log_value('loss', losses.val, i)
    if i == 2:
        break
bar.finish()
for n in trange(2):
    scheduler.step(losses.avg)
writer.close()
print(colored('done', 'green'), isinstance(losses.avg, float), np.zeros(3, dtype=np.int).sum(),
      isinstance([], collections.Iterable), end >= 0)
print(1 - (torch.arange(3) > 0), torch.zeros(3).masked_fill(torch.ByteTensor([1, 0, 1]), 5.))
images, labels = iter(loader).next()
print(images.shape)
"""

OWN_DATASET = """
import os
import torch
from PIL import Image
import numpy as np
from torchvision import transforms
from torchvision.datasets import CIFAR10
from torch.utils.data import DataLoader, Subset


class CIFAR10Pair(CIFAR10):
    def __getitem__(self, index):
        img, target = self.data[index], self.targets[index]
        img = Image.fromarray(img)
        return self.transform(img), self.transform(img), target


class Files(torch.utils.data.Dataset):
    def __init__(self, root, transform):
        folders = sorted(os.path.join(root, c) for c in os.listdir(root))
        self.paths = [os.path.join(folder, f) for folder in folders for f in sorted(os.listdir(folder))]
        self.transform = transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        image = Image.open(self.paths[i]).convert('RGB').resize((16, 16), Image.BILINEAR)
        return self.transform(image), 0 if 'cat' in self.paths[i] else 1


transform = transforms.Compose([
    transforms.RandomResizedCrop(32), transforms.RandomHorizontalFlip(p=0.5),
    transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
    transforms.RandomGrayscale(p=0.2), transforms.RandomRotation(10), transforms.ToTensor()])
pairs = CIFAR10Pair(root='data', train=True, transform=transform, download=True)
pairs.data, pairs.targets = pairs.data[:64], pairs.targets[:64]
one, two, target = next(iter(DataLoader(Subset(pairs, range(32)), batch_size=8)))
print(len(pairs), one.shape, two.shape, target.dtype)
files = Files('pictures', transforms.ToTensor())
x, y = next(iter(DataLoader(files, batch_size=4)))
print(x.shape, y.tolist())
net = torch.nn.Linear(3 * 16 * 16, 2)
torch.nn.functional.cross_entropy(net(x.flatten(1)), y).backward()
print(net.weight.grad.abs().sum().item())
"""
