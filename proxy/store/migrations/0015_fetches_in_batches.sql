-- Fetch records come in batches, and whoever writes a batch adds it up once, in the same transaction: a
-- trigger did so at each row, for a third of what a record costs. How often bytes were fetched stands in
-- what is added up, so that nothing is counted by this index any more, the widest of the table.
DROP TRIGGER fetches_are_added_up;
DROP INDEX fetches_of_file;
