# -*- coding: latin-1 -*-
import torch
import torch.nn as nn
import torch.utils.data as donnees

from reseau import Reseau

torch.manual_seed(33)
gpu = torch.cuda.is_available()
noms = ['été', 'automne', 'hiver', 'printemps']

# données synthétiques: une saison, un centre
centres = torch.randn(4, 10) * 2
etiquettes = torch.arange(280) % 4
x = centres[etiquettes] + torch.randn(280, 10)
apprentissage = donnees.DataLoader(donnees.TensorDataset(x[:200], etiquettes[:200]), batch_size=20, shuffle=True)
controle = donnees.DataLoader(donnees.TensorDataset(x[200:], etiquettes[200:]), batch_size=40)

modele = Reseau(10, len(noms))
if gpu: modele.cuda()
critere = nn.CrossEntropyLoss()
optimiseur = torch.optim.SGD(modele.parameters(), lr=0.3)

for epoque in range(5):
    modele.train()
    # une époque d'apprentissage
    for entree, cible in apprentissage:
        if gpu: entree, cible = entree.cuda(), cible.cuda()
        sortie = modele(entree)
        perte = critere(sortie, cible)
        optimiseur.zero_grad()
        perte.backward()
        optimiseur.step()

    # contrôle
    modele.eval()
    justes = 0
    with torch.no_grad():
        for entree, cible in controle:
            if gpu: entree, cible = entree.cuda(), cible.cuda()
            sortie = modele(entree)
            justes += (sortie.max(1)[1] == cible).sum().item()
    print('%d: perte %.4f, précision %.3f' % (epoque, perte.item(), justes / 80.))

print('fini, à bientôt (%s)' % ', '.join(noms))
