"""The one error that a person can mend: bad input, told in one line."""


class InputError(ValueError):
    """Bad input or usage: its message is one line that names the file or key, the value and the mend.

    The command line turns it into exit code 2; below the command line it is an ordinary ``ValueError``.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
