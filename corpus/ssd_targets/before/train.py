import torch
import torch.optim as optim
import torch.utils.data as data
from torch.autograd import Variable

from data import detection_collate, make_dataset, CLASSES
from ssd import SSD, multibox_loss
import test as testing

cuda = torch.cuda.is_available()
torch.manual_seed(17)

ssd_net = SSD('train', len(CLASSES) + 1)
net = ssd_net
if cuda:
    net = net.cuda()

optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
data_loader = data.DataLoader(make_dataset(160, 1), 16, shuffle=True, collate_fn=detection_collate)


def train():
    net.train()
    # loss counters
    loc_loss = 0
    conf_loss = 0
    batch_iterator = None
    for iteration in range(60):
        if (not batch_iterator) or (iteration % len(data_loader) == 0):
            # create batch iterator
            batch_iterator = iter(data_loader)
        # load train data
        images, targets = next(batch_iterator)
        if cuda:
            images = Variable(images.cuda())
            targets = [Variable(anno.cuda(), volatile=True) for anno in targets]
        else:
            images = Variable(images)
            targets = [Variable(anno, volatile=True) for anno in targets]
        # forward
        out = net(images)
        # backprop
        optimizer.zero_grad()
        loss_l, loss_c = multibox_loss(out, targets)
        loss = loss_l + loss_c
        loss.backward()
        optimizer.step()
        loc_loss += loss_l.item()
        conf_loss += loss_c.item()
        if iteration % 20 == 0:
            print('iter ' + repr(iteration) + ' || Loss: %.4f ||' % loss.item())
    torch.save(ssd_net.state_dict(), 'ssd.pth')


train()
testing.test()
