"""What each trained model was trained on looked like: `<model>.json`, for `pratique drift`."""
