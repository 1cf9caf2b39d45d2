"""The stand-ins one by one: what they give, what they refuse, and look-alikes that stay what they are."""

from __future__ import annotations

import pytest
from standin_runner import Outcome, Program, run_all

pytestmark = pytest.mark.slow

INERT = """
import matplotlib
matplotlib.use('TkAgg')
import matplotlib.pyplot as plt
import numpy as np
from mpl_toolkits.mplot3d import Axes3D
from visdom import Visdom
import seaborn as sns
from colorama import Fore, Style
from tqdm.auto import tqdm
import wandb
from torch.utils.tensorboard import SummaryWriter
import torch

fig, ax = plt.subplots()
fig, axes = plt.subplots(2, 3, figsize=(4, 4))
print(axes.shape, plt.subplots(3)[1].shape, plt.subplots(1, 1, squeeze=False)[1].shape, len(axes.flat))
n, bins, patches = plt.hist([1, 2])
for axis in axes.ravel():
    axis.imshow(np.zeros((2, 2)), cmap='gray')
    axis.set_xticks(())
print(Fore.RED + 'red' + Style.RESET_ALL)


class Logger(SummaryWriter):
    def __init__(self, folder):
        super().__init__(folder)
        self.folder = folder


logger = Logger('here')
logger.add_scalar('a', 1, 2)
print(logger.folder, isinstance(logger, SummaryWriter))
with tqdm(total=3) as bar:
    bar.update(1)
    bar.set_postfix(loss=1.)
print([x for x in tqdm(range(3), leave=False)], len(tqdm([1, 2])), list(tqdm(zip([1], [2]))))
run = wandb.init(config=dict(lr=0.5))
wandb.config.update({'depth': 2})
print(run.config.lr, wandb.config['depth'], wandb.config.lr * 2)
vis = Visdom()
assert vis.check_connection()
window = vis.line([1], win=None)
for call in (lambda: float(vis.line()), lambda: 1 + window, lambda: np.array(window), lambda: torch.tensor(window)):
    try:
        call()
        print('A NUMBER')
    except (TypeError, RuntimeError, ValueError):
        pass
try:
    plt.imread('x.png')
except ImportError as error:
    print(error)
"""

NUMERIC = """
found = []
for name in ('scipy', 'sklearn', 'pandas', 'cv2', 'tensorflow', 'torchtext', 'apex', 'no_such_package'):
    try:
        __import__(name)
    except ImportError:
        found.append(name)
print(len(found))
"""

OWN_MODULES = """
import progress, aim, visdom
print(progress.mine, aim.mine, visdom.Visdom.__module__)
"""

FILES = """
import io, os, pathlib, logging
import torch
open('a/b/c.txt', 'w').close()
with io.open('d/e.log', 'a') as file:
    file.write('x')
pathlib.Path('f/g.json').write_text('x')
torch.save({}, 'h/i.pt')
os.mkdir('j/k')
logging.FileHandler('l/m.log').close()
print(sorted(os.listdir('.')))
for path, mode in (('nowhere/x', 'r'), ('/no_such_folder_of_mine/x', 'w'), ('missing.txt', 'rb')):
    try:
        open(path, mode)
        print('OPENED', path)
    except FileNotFoundError:
        pass
print(os.path.exists('missing.txt'), os.path.exists('nowhere'))
print(os.popen('stty size', 'r').read().split(), os.popen('echo hello').read().strip())
"""

TEXT = """
import os
print(os.path.exists('data/train.txt'), os.path.isfile('data/valid.tokens'), os.path.exists('data/labels.csv'))
print(os.path.exists('/no_such_folder_of_mine/train.txt'), open('given.txt').read())
words = open('data/train.txt').read().split()
print(len(set(words)), len(words), words == open('data/valid.tokens').read().split())
try:
    open('data/x.json')
except FileNotFoundError:
    print('no json')
"""

WEIGHTS = """
import torch
import torch.nn as nn
import torch.utils.model_zoo as model_zoo
from torchvision import models
from torchvision.models.resnet import ResNet, BasicBlock
from torchvision.models import ResNet50_Weights, VGG16_BN_Weights

net = nn.Linear(2, 3)
before = net.weight.clone()
state = model_zoo.load_url('https://example.invalid/models/mynet-5c106cde.pth', progress=True)
net.load_state_dict(state)
own = net.state_dict()
own.update({key: value for key, value in state.items() if key in own})
net.load_state_dict(own)
net.load_state_dict({key[7:]: value for key, value in state['state_dict'].items()})
print(torch.equal(before, net.weight))
for broken in ({'bias': torch.zeros(3)}, {'weight': torch.zeros(1, 1), 'bias': torch.zeros(3)}):
    try:
        net.load_state_dict(broken)
        print('TAKEN')
    except RuntimeError as error:
        print(type(error).__name__)
net = models.resnet50(weights=ResNet50_Weights.IMAGENET1K_V2)
net.fc = nn.Linear(net.fc.in_features, 5)
vgg = models.vgg16_bn(weights=VGG16_BN_Weights.DEFAULT)
vgg.classifier[6] = nn.Linear(vgg.classifier[6].in_features, 5)
print(net.fc.in_features, vgg.features[0], vgg.classifier[0].in_features)
mine = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=4)
pixels = torch.randn(2, 3, 32, 32)
print(mine(pixels).shape, nn.Sequential(*list(mine.children())[:-1])(pixels).shape)
dense = models.densenet121(pretrained=True)
dense.classifier = nn.Linear(dense.classifier.in_features, 3)
inception = models.inception_v3(pretrained=True, transform_input=True)
inception.AuxLogits.fc = nn.Linear(inception.AuxLogits.fc.in_features, 3)
inception.fc = nn.Linear(inception.fc.in_features, 3)
output, aux = inception(torch.randn(2, 3, 299, 299))
print(output.shape, aux.shape, inception.eval()(torch.randn(1, 3, 299, 299)).shape)
squeeze = models.squeezenet1_0(pretrained=True)
squeeze.classifier[1] = nn.Conv2d(512, 3, kernel_size=(1, 1))
mobile, alex = models.mobilenet_v2(pretrained=True), models.alexnet(pretrained=True)
mobile.classifier[1], alex.classifier[6] = nn.Linear(mobile.last_channel, 3), nn.Linear(4096, 3)
x = torch.randn(2, 3, 64, 64)
networks = [net.eval(), dense, squeeze, mobile, alex.eval(), vgg.eval(), models.googlenet().eval()]
print([tuple(m(x).shape) for m in networks])
print(type(models.alexnet).__name__, sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) > 40)
print(len(torch.hub.load('pytorch/vision:v0.10.0', 'resnet18', pretrained=True).state_dict()))
print(models.__dict__['resnet18']().fc.out_features, hasattr(models, 'no_such_model'))
"""

DATA = """
import numpy as np
import pickle
import torch
from torchvision import datasets, transforms
from torchvision.datasets import MNIST
from torchvision.datasets.cifar import CIFAR100

T = transforms.ToTensor()
for make in (
    lambda: MNIST('d', False, T), lambda: CIFAR100('d', transform=T), lambda: datasets.SVHN('d', 'test', T),
    lambda: datasets.STL10('d', split='unlabeled', transform=T), lambda: datasets.EMNIST('d', 'letters', transform=T),
    lambda: datasets.USPS('d', transform=T), lambda: datasets.ImageNet('d', split='val', transform=T),
    lambda: datasets.Omniglot('d', background=False, transform=T), lambda: datasets.FashionMNIST('d', transform=T),
):
    data = make()
    print(type(data).__name__, len(data), tuple(data[0][0].shape), len(data.classes), type(data[-1][1]).__name__)
data = MNIST('d', transform=T)
same = MNIST('d', transform=T)
print(torch.equal(data[7][0], same[7][0]), torch.equal(data.data[7], (same[7][0][0] * 255).round().byte()))
print(isinstance(data, torch.utils.data.Dataset), torch.equal(MNIST('d', False, T)[0][0], data[0][0]))
keep = data.targets < 2
data.data, data.targets = data.data[keep], data.targets[keep]
print(len(data) == int(keep.sum()), {data[i][1] for i in range(50)}, data.train_labels is data.targets)
half = torch.utils.data.random_split(CIFAR100('d', transform=T), [45000, 5000])
print(len(half[1]), len(pickle.loads(pickle.dumps(same))), np.array(MNIST('d')[0][0]).shape)
seg = datasets.VOCSegmentation('d', image_set='val', transform=T, target_transform=lambda m: torch.tensor(np.array(m)))
print(len(seg), seg[0][0].shape, seg[0][1].shape, int(seg[0][1].max()) <= 20)
face = datasets.CelebA('d', 'valid', 'attr', T)
print(len(face), face[0][1].shape, datasets.CocoCaptions('d', 'val.json')[0][1][0][:9])
folder = datasets.ImageFolder('none/train', T)
print(folder.classes, folder.imgs[0] == folder.samples[0], folder.loader(folder.imgs[3][0]).size)
real = datasets.ImageFolder('pictures', T)
print(real.classes, len(real), real[0][0].shape, real.class_to_idx)
state = torch.get_rng_state()
data[3], folder[1], same.data
print(torch.equal(state, torch.get_rng_state()))
for call in (lambda: MNIST(), lambda: MNIST('d', root='d'), lambda: datasets.SVHN('d', 'val'), lambda: same[60000]):
    try:
        call()
        print('TAKEN')
    except (TypeError, ValueError, IndexError) as error:
        print(type(error).__name__)
"""

TRANSFORMS = """
import numpy as np
import torch
from PIL import Image
from torchvision import transforms
import torchvision.transforms.functional as TF
from torchvision.transforms import v2
from torchvision.utils import make_grid, save_image

image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
x = transforms.ToTensor()(image)
print(x.shape, torch.equal((x * 255).round().byte().permute(1, 2, 0), torch.tensor(np.array(image))))
print(TF.hflip(image).size, torch.equal(TF.hflip(x), x.flip(-1)), torch.equal(TF.rotate(x, 0), x))
print(torch.equal(TF.rotate(x, 90), x.rot90(1, (1, 2))), TF.resize(image, 8).size, TF.resize(x, (2, 6)).shape)
print(TF.center_crop(x, 2).shape, TF.center_crop(x, 6).shape, torch.equal(TF.center_crop(x, 2), x[:, 1:3, 1:3]))
print(torch.equal(TF.pad(x, 2, padding_mode='reflect'), torch.nn.functional.pad(x, (2,) * 4, 'reflect')))
print(transforms.Grayscale(3)(x).shape, transforms.Grayscale()(image).mode, transforms.ToPILImage()(x).size)
print(TF.resize(torch.full((1, 8, 8), 3.), 5).unique().tolist())
chain = transforms.Compose([
    transforms.Resize((8, 8)), transforms.RandomCrop(8, padding=1, padding_mode='edge'),
    transforms.RandomAffine(5, (.1, .1)),
    transforms.RandomVerticalFlip(), transforms.ColorJitter(.1, .1, .1, .1), transforms.RandomPerspective(),
    transforms.GaussianBlur(3), transforms.ToTensor(), transforms.RandomErasing(p=1.),
    transforms.Normalize([.5], [.5])])
torch.manual_seed(3)
first = chain(image)
torch.manual_seed(3)
print(first.shape, torch.equal(first, chain(image)))
print(v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.RandomHorizontalFlip()])(image).dtype)
print(transforms.TenCrop(2)(image)[0].size, make_grid(torch.ones(5, 1, 2, 2), nrow=3).shape)
for call in (
    lambda: transforms.ToTensor()('x'), lambda: transforms.Normalize([.5], [.5])(image),
    lambda: transforms.RandomCrop(9)(image), lambda: transforms.ToTensor()(x)):
    try:
        call()
        print('TAKEN')
    except (TypeError, ValueError) as error:
        print(type(error).__name__)
try:
    import torchvision.ops
except ImportError as error:
    print(error)
"""

PICTURES = {f"pictures/{kind}/{number}.jpg": "" for kind in ("cat", "dog") for number in range(2)}
OWN = {"progress.py": "mine = 1\n", "aim.py": "mine = 2\n", "visdom/__init__.py": "class Visdom:\n    pass\n"}
ALL = ("torchvision", "datasets", "inert", "folders", "terminal")
PROGRAMS = {
    "inert": Program(INERT),
    "numeric": Program(NUMERIC),
    "own": Program(OWN_MODULES, files=OWN),
    "files": Program(FILES, kinds=("folders", "terminal")),
    "text": Program(TEXT, kinds=("text",), files={"given.txt": "as it is"}),
    "weights": Program(WEIGHTS),
    "data": Program(DATA, files=PICTURES),
    "transforms": Program(TRANSFORMS),
    "none": Program("import torchvision", kinds=()),
    "unknown": Program("", kinds=("inert", "magic")),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return run_all(PROGRAMS, tmp_path_factory.mktemp("parts"))


def values(outcomes: dict[str, Outcome], name: str) -> list[str]:
    assert outcomes[name].error == ""
    return outcomes[name].values


def test_inert_packages_take_everything_but_are_no_numbers(outcomes: dict[str, Outcome]):
    assert values(outcomes, "inert") == [
        "(2, 3) (3,) (1, 1) 6",
        "red",
        "here True",
        "[0, 1, 2] 2 [(1, 2)]",
        "0.5 2 1.0",
        "matplotlib.pyplot.imread is a stand-in: the package that reads files is not installed",
    ]


def test_packages_that_compute_stay_missing(outcomes: dict[str, Outcome]):
    assert values(outcomes, "numeric") == ["8"]
    assert outcomes["numeric"].notes == {}


def test_modules_of_the_project_stay_what_they_are(outcomes: dict[str, Outcome]):
    assert values(outcomes, "own") == ["1 2 visdom"]
    assert outcomes["own"].notes == {}


def test_folders_are_made_below_the_project_for_writing_only(outcomes: dict[str, Outcome]):
    assert values(outcomes, "files") == [
        "['a', 'd', 'f', 'h', 'j', 'l']",
        "False False",
        "['24', '80'] hello",
    ]
    made = {what for kind, what in outcomes["files"].notes if kind == "folder"}
    assert made == {"a/b", "d", "f", "h", "j", "l"}


def test_texts_are_made_below_the_project_where_none_is(outcomes: dict[str, Outcome]):
    assert values(outcomes, "text") == ["True True False", "False as it is", "200 14400 False", "no json"]


def test_weights_leave_a_model_as_it_was_built(outcomes: dict[str, Outcome]):
    assert values(outcomes, "weights") == [
        "True",
        "RuntimeError",
        "RuntimeError",
        "2048 Conv2d(3, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1)) 25088",
        "torch.Size([2, 4]) torch.Size([2, 512, 1, 1])",
        "torch.Size([2, 3]) torch.Size([2, 3]) torch.Size([1, 3])",
        "[(2, 5), (2, 3), (2, 3), (2, 3), (2, 3), (2, 5), (2, 1000)]",
        "function True",
        "122",
        "1000 False",
    ]
    named = {what for kind, what in outcomes["weights"].notes if kind == "weights"}
    assert {"mynet", "resnet50", "vgg16_bn", "densenet121", "inception_v3"} <= named
    assert "googlenet" not in named


def test_data_sets_have_their_sizes_and_types(outcomes: dict[str, Outcome]):
    found = values(outcomes, "data")
    assert found[:9] == [
        "MNIST 10000 (1, 28, 28) 10 int",
        "CIFAR100 50000 (3, 32, 32) 100 int",
        "SVHN 26032 (3, 32, 32) 10 int",
        "STL10 100000 (3, 96, 96) 10 int",
        "EMNIST 124800 (1, 28, 28) 27 int",
        "USPS 7291 (1, 16, 16) 10 int",
        "ImageNet 50000 (3, 256, 256) 1000 int",
        "Omniglot 13180 (1, 105, 105) 659 int",
        "FashionMNIST 60000 (1, 28, 28) 10 int",
    ]
    assert found[9:] == [
        "True True",
        "True False",
        "True {0, 1} True",
        "5000 60000 (28, 28)",
        "1449 torch.Size([3, 375, 500]) torch.Size([375, 500]) True",
        "19867 torch.Size([40]) a picture",
        "['class000', 'class001'] True (256, 256)",
        "['cat', 'dog'] 4 torch.Size([3, 256, 256]) {'cat': 0, 'dog': 1}",
        "True",
        "TypeError",
        "TypeError",
        "ValueError",
        "IndexError",
    ]


def test_transforms_do_what_their_names_say(outcomes: dict[str, Outcome]):
    assert values(outcomes, "transforms") == [
        "torch.Size([3, 4, 4]) True",
        "(4, 4) True True",
        "True (8, 8) torch.Size([3, 2, 6])",
        "torch.Size([3, 2, 2]) torch.Size([3, 6, 6]) True",
        "True",
        "torch.Size([3, 4, 4]) L (4, 4)",
        "[3.0]",
        "torch.Size([3, 8, 8]) True",
        "torch.float32",
        "(2, 2) torch.Size([3, 10, 14])",
        "TypeError",
        "TypeError",
        "ValueError",
        "TypeError",
        "No module named 'torchvision.ops'",
    ]


def test_nothing_stands_in_unless_asked_for(outcomes: dict[str, Outcome]):
    assert "ModuleNotFoundError" in outcomes["none"].error


def test_an_unknown_kind_is_an_error(outcomes: dict[str, Outcome]):
    assert "ValueError: no stand-ins of kind magic" in outcomes["unknown"].error
