-- Holds the number of the project memory's migration, which a branch of its own brings.
SELECT 1;
