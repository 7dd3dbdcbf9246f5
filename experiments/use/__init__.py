"""What is done with a trained model: images translated, images drawn."""
