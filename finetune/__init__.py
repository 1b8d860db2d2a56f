"""How the model is made: data, augmentation, synthesis, training, merge, registry, active learning."""
