-- Holds a number that another change brings; goes when they are merged.
SELECT 1;
