"""What a trained model is worth: figures of its outputs, its latents, its codes, its labels."""
