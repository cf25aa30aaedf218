"""Run directories: how they are called, what is put into them, what is read out of them."""
