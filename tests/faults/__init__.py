"""Every fault that the program must survive, done to the whole program."""
