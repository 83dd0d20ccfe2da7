"""``keyart doctor``: examine this machine and this installation, and name a fix for each fault."""
