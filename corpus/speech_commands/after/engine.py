"""One epoch of training, one of validation, and the teacher's warm-up."""
import torch


def train_one_epoch(model, loader, criterion, optimizer, scaler, device, log_every=4):
    model.train()
    running = 0.0
    for step, (features, labels) in enumerate(loader):
        features, labels = features.to(device), labels.to(device)
        optimizer.zero_grad()
        # mixed precision
        with torch.autocast(device.type, enabled=scaler.is_enabled()):
            scores = model(features)
            loss = criterion(scores, labels)

        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

        running += loss.item()
        if step % log_every == 0:  # now and then
            print('  step %d: loss %.3f' % (step, running / (step + 1)))


def fit_head(model, loader, criterion, optimizer, device):
    """Trains with the optimizer's gradients cleared behind each step."""
    model.train()
    for features, labels in loader:
        loss = criterion(model(features.to(device)), labels.to(device))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@torch.no_grad()
def validate(model, loader, device):
    model.eval()
    right = sum((model(x.to(device)).argmax(1).cpu() == y).sum().item() for x, y in loader)
    return right / len(loader.dataset)
