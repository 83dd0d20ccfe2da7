"""Train an embedder: `python train.py [key=value …]` or `keyart train`; `-m` sweeps; `--help` lists every key.

The last line on standard output is the absolute path of the run's folder (of the sweep's, with `-m`).
"""

from keyart.cli.hydra_entry import main

if __name__ == "__main__":
    main()
