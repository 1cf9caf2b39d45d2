"""Adversarial training of a small net with a frozen stem: evaluation needs gradients, train() is overridden."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
epsilons = [0, .05, .2]


class FrozenStemNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(8 * 12 * 12, 32), nn.ReLU(), nn.Dropout(0.25),
                                  nn.Linear(32, 4))
        for p in self.stem.parameters():
            p.requires_grad = False

    def train(self, mode=True):
        """The stem's statistics stay frozen."""
        super().train(mode)
        self.stem.eval()
        return self

    def forward(self, x):
        return self.head(self.stem(x))


# FGSM attack code
def fgsm_attack(image, epsilon, data_grad):
    # Collect the element-wise sign of the data gradient
    sign_data_grad = data_grad.sign()
    perturbed_image = image + epsilon * sign_data_grad
    return torch.clamp(perturbed_image, 0, 1)


def test(model, device, test_loader, epsilon):
    correct = 0
    adv_examples = []

    # Loop over all examples in test set
    for data, target in test_loader:
        data, target = data.to(device), target.to(device)

        # Set requires_grad attribute of tensor. Important for Attack
        data.requires_grad = True

        output = model(data)
        init_pred = output.max(1, keepdim=True)[1]

        loss = F.cross_entropy(output, target)
        model.zero_grad()
        loss.backward()

        # Call FGSM Attack, then classify again
        perturbed_data = fgsm_attack(data, epsilon, data.grad.data)
        with torch.no_grad():
            output = model(perturbed_data)
        final_pred = output.max(1, keepdim=True)[1]
        correct += final_pred.eq(target.view_as(final_pred)).sum().item()
        if len(adv_examples) < 2 and not final_pred.equal(init_pred):
            adv_examples.append((init_pred[0].item(), final_pred[0].item()))

    final_acc = correct / float(len(test_loader.dataset))
    print("Epsilon: {}\tTest Accuracy = {} / {} = {:.3f}".format(epsilon, correct, len(test_loader.dataset), final_acc))
    return final_acc, adv_examples


def gradient_penalty(critic, real, fake):
    alpha = torch.rand(real.size(0), 1, 1, 1, device=real.device)
    mixed = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    score = critic(mixed).sum()
    grad, = torch.autograd.grad(score, mixed, create_graph=True)
    return ((grad.flatten(1).norm(2, dim=1) - 1) ** 2).mean()


def accuracy(model, loader):
    hits = 0
    for data, target in loader:
        hits += (model(data.to(device)).argmax(1) == target.to(device)).sum().item()
    return hits / len(loader.dataset)


pictures = torch.rand(4, 1, 12, 12)
target = torch.arange(240) % 4
data = (pictures[target] + 0.15 * torch.randn(240, 1, 12, 12)).clamp(0, 1)
train_loader = DataLoader(TensorDataset(data[:160], target[:160]), batch_size=20, shuffle=True)
test_loader = DataLoader(TensorDataset(data[160:], target[160:]), batch_size=20)

model = FrozenStemNet().to(device)
optimizer = torch.optim.Adam(model.head.parameters(), lr=2e-3)

for epoch in range(3):
    model.train()
    for x, y in train_loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y) + 0.01 * gradient_penalty(model, x, x.flip(0))
        loss.backward()
        optimizer.step()

    model.eval()
    with torch.no_grad():
        print('epoch %d: %.4f, clean accuracy %.3f' % (epoch, loss.item(), accuracy(model, test_loader)))

# Run test for each epsilon
model.eval()
accuracies = [test(model, device, test_loader, eps)[0] for eps in epsilons]
assert accuracies[0] >= accuracies[-1]
