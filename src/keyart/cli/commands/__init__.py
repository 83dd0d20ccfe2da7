"""The console commands, a few per file; `keyart.cli.app` registers those in `COMMANDS`.

Each command imports its dependencies inside its function, so that ``keyart --help`` does not wait for PyTorch.
"""

#: Module and function of each command, in the order of ``keyart --help``; a new one needs one line here.
COMMANDS = {
    "train": "train.train",
    "evaluate": "evaluate.evaluate",
    "compare": "evaluate.compare",
    "search": "search.search",
    "explain": "explain.explain",
    "recommend": "recommend.recommend",
    "evaluate-history": "recommend.evaluate_history",
    "export": "export.export",
    "embed": "index.embed",
    "index": "index.build_index",
    "fetch": "fetch.fetch",
    "card": "check.card",
    "check": "check.check",
    "doctor": "check.doctor",
    "serve": "serve.serve",
}
