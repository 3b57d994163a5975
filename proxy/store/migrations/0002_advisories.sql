-- Holds the number of the advisories' migration, which a branch of its own brings.
SELECT 1;
