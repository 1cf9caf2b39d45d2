from .fcn_small import FCNSmall
