"""recipe -> fit -> predict -> result -> table, and the command line."""
