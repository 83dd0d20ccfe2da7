"""``keyart doctor``: check this machine and this installation, and name a fix for each problem."""
