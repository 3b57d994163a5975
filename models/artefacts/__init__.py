"""Trained models: LightGBM text (`<name>.txt`) and its card (`<name>.json`); never a pickle."""
