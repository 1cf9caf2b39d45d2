import torch.nn as nn

class MLP_G(nn.Module):
    def __init__(self, isize, nz, nc, ngf):
        super(MLP_G, self).__init__()
        self.main = nn.Sequential(
            # Z goes into a linear of size: ngf
            nn.Linear(nz, ngf),
            nn.ReLU(True),
            nn.Linear(ngf, ngf),
            nn.ReLU(True),
            nn.Linear(ngf, nc * isize * isize),
        )
        self.nc = nc
        self.isize = isize
        self.nz = nz

    def forward(self, input):
        input = input.view(input.size(0), input.size(1))
        output = self.main(input)
        return output.view(output.size(0), self.nc, self.isize, self.isize)


class MLP_D(nn.Module):
    def __init__(self, isize, nz, nc, ndf):
        super(MLP_D, self).__init__()
        self.main = nn.Sequential(
            # input is nc x isize x isize, flattened
            nn.Linear(nc * isize * isize, ndf),
            nn.ReLU(True),
            nn.Linear(ndf, ndf),
            nn.ReLU(True),
            nn.Linear(ndf, 1),
        )

    def forward(self, input):
        input = input.view(input.size(0), -1)
        output = self.main(input)
        output = output.mean(0)
        return output.view(1)
