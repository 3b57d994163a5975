"""What a person may do: the use cases that pages, API and commands share."""
