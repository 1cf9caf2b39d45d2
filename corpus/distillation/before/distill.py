"""Knowledge distillation: nothing in here is wrong, much of it looks so."""
import argparse
import logging

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset
from tqdm_stub import tqdm

import nets as net

parser = argparse.ArgumentParser()
parser.add_argument('--alpha', type=float, default=0.7)
parser.add_argument('--temperature', type=float, default=4.0)


def loss_fn_kd(outputs, labels, teacher_outputs, params):
    """
    Compute the knowledge-distillation (KD) loss given outputs, labels.
    "Hyperparameters": temperature and alpha
    """
    alpha = params.alpha
    T = params.temperature
    KD_loss = nn.KLDivLoss(reduction='batchmean')(F.log_softmax(outputs/T, dim=1),
                             F.softmax(teacher_outputs/T, dim=1)) * (alpha * T * T) + \
              F.cross_entropy(outputs, labels) * (1. - alpha)

    return KD_loss


def train_teacher(model, optimizer, dataloader):
    model.train()
    for x, y in dataloader:
        x, y = x.to(device), y.to(device)
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


# Defining train_kd function
def train_kd(model, teacher_model, optimizer, dataloader, params):
    # set model to training mode
    model.train()
    # the teacher stays as it is
    teacher_model.eval()

    loss_avg = 0
    for i, (train_batch, labels_batch) in enumerate(tqdm(dataloader)):
        train_batch, labels_batch = train_batch.to(device), labels_batch.to(device)
        output_batch = model(train_batch)
        with torch.no_grad():
            output_teacher_batch = teacher_model(train_batch)

        if i % 2:
            loss = loss_fn_kd(output_batch, labels_batch, output_teacher_batch, params)
        else:
            # soft targets: probabilities belong into the second argument
            loss = F.cross_entropy(output_batch, F.softmax(output_teacher_batch / params.temperature, dim=1))

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_avg += loss.item()
    return loss_avg / len(dataloader)


def evaluate(model, dataloader):
    """Accuracy, mean confidence. The caller has switched gradients off."""
    correct, confidence, n = 0, 0., 0
    for x, y in dataloader:
        output = model(x.to(device))
        probs = F.softmax(output, dim=1)
        confidence += probs.max(1)[0].sum().item()
        correct += (output.argmax(1) == y.to(device)).sum().item()
        n += len(y)
    return correct / n, confidence / n


if __name__ == '__main__':
    params = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    torch.manual_seed(230)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')

    prototypes = torch.randn(5, 20)
    labels = torch.randint(5, (300,))
    dataset = TensorDataset(prototypes[labels] + torch.randn(300, 20), labels)
    train_dl = DataLoader(dataset, batch_size=50, shuffle=True)
    dev_dl = DataLoader(dataset, batch_size=100)

    teacher = net.Teacher().to(device)
    train_teacher(teacher, optim.Adam(teacher.parameters(), lr=0.01), train_dl)

    student = net.Student().to(device)
    optimizer = optim.Adam(student.parameters(), lr=0.01)
    for epoch in range(3):
        loss = train_kd(student, teacher, optimizer, train_dl, params)
        student.eval()
        with torch.no_grad():
            acc, conf = evaluate(student, dev_dl)
        print('epoch %d: loss %.4f, acc %.3f at confidence %.3f' % (epoch, loss, acc, conf))

    student.eval()
    with torch.no_grad():
        mean, std = net.MCDropoutHead(student)(prototypes.to(device))
    print('uncertainty per class', [round(s, 3) for s in std.mean(0).tolist()])
