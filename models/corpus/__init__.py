"""Features of the corpus that the shipped models were trained on, so that training needs no sandbox."""
