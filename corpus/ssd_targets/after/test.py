import torch
from torch.autograd import Variable

from data import make_dataset, CLASSES
from ssd import SSD


@torch.no_grad()
def test_net(net, cuda, testset, thresh):
    num_images = len(testset)
    found = 0
    for i in range(num_images):
        img, annotation = testset[i]
        x = Variable(img.unsqueeze(0))
        if cuda:
            x = x.cuda()

        boxes, scores = net(x)      # forward pass
        score, cls = scores.data[0, :, 1:].max(1)
        best = score.max(0)[1]
        if score[best] >= thresh and cls[best] + 1 == annotation[0, 4]:
            found += 1
    print('found %d of %d' % (found, num_images))


def test():
    # load net
    num_classes = len(CLASSES) + 1 # +1 background
    net = SSD('test', num_classes) # initialize SSD
    net.load_state_dict(torch.load('ssd.pth', weights_only=True))
    net.eval()
    print('Finished loading model!')
    if torch.cuda.is_available():
        net = net.cuda()
    # evaluation
    test_net(net, torch.cuda.is_available(), make_dataset(40, 2), thresh=0.5)


if __name__ == '__main__':
    test()
