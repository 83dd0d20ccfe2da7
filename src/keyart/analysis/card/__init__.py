"""The card of a catalogue: how complex, how clean and how well labelled its posters are, beside other sets of images.

`make_card` writes ``card.html``, ``pictures/*.png`` and ``card.json``. The JSON is nested; its paths are

- ``complexity/{shannon,glcm,delentropy}``: ``mean``, ``low`` and ``high`` (95% bootstrap), ``deviation``, quantiles;
- ``intrinsic_dimension/<space>/{twonn,mle,pca}`` for the spaces ``pixels``, ``frozen`` and, with a run, ``embeddings``:
  a number, ``mean`` (over k from 10 to 20) beside single k, and ``participation_ratio`` beside how many components hold
  90, 95 and 99% of the variance;
- ``references/sets``: the catalogue first, then the others, at the same settings; ``references/published``: quoted;
- ``labels``, ``cleanliness``, ``advice``; ``detail`` and ``angles``, which the advice rests on; ``seconds``.

What is undefined is ``null``.
"""

from keyart.analysis.card.make import make_card

__all__ = ["make_card"]
