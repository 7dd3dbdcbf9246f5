"""What a trained model is worth: one function a kind, on the model itself or its SavedModel."""
