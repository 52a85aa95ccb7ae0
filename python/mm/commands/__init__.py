"""One module a command. A module is imported only when its command was named."""
