import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from model import VAE
from utils import to_var, to_data


class Solver(object):

    def __init__(self, config, train_x, test_x):
        self.config = config
        self.data_loader = DataLoader(train_x, batch_size=config.batch_size, shuffle=True)
        self.test_loader = DataLoader(test_x, batch_size=config.batch_size)
        self.build_model()

    def build_model(self):
        self.vae = VAE(z_dim=self.config.z_dim)
        self.optimizer = torch.optim.Adam(self.vae.parameters(), lr=self.config.lr)
        if torch.cuda.is_available():
            self.vae.cuda()

    def criterion(self, out, images, mu, log_var):
        reconst_loss = F.binary_cross_entropy(out, images, reduction='sum')
        kl_divergence = torch.sum(0.5 * (mu**2 + torch.exp(log_var) - log_var - 1))
        return reconst_loss + kl_divergence

    def train(self):
        # fixed inputs for debugging
        fixed_z = to_var(torch.randn(10, self.config.z_dim), volatile=True)

        for epoch in range(self.config.num_epochs):
            for i, images in enumerate(self.data_loader):
                images = to_var(images)
                out, mu, log_var = self.vae(images)
                loss = self.criterion(out, images, mu, log_var)

                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()

            print("Epoch[%d/%d], Loss: %.4f" % (epoch + 1, self.config.num_epochs, loss.item()))

            # what does the decoder make of the fixed codes?
            fake_images = self.vae.sample(fixed_z)
            print('fixed', to_data(fake_images).mean().round(4))

    def sample(self):
        """Draws some images and saves them."""
        z = to_var(torch.randn(10, self.config.z_dim), volatile=True)
        images = self.vae.sample(z)
        torch.save(images.data.cpu(), 'samples.pt')

    def test(self):
        total = 0.
        for images in self.test_loader:
            images = to_var(images, volatile=True)
            out, mu, log_var = self.vae(images)
            total += self.criterion(out, images, mu, log_var).item()
        return total / len(self.test_loader.dataset)
