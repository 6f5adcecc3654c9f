"""Comments in the customer's language, put together from sentences without a person in them."""

from __future__ import annotations

import functools

import numpy as np
from numpy.random import Generator

from cxlab.simulation.answers import COMMENT_TOPICS
from cxlab.simulation.phrases import CLOSERS, OPENERS, SENTENCES
from cxlab.simulation.stock import Ints
from cxlab.simulation.truth import LANGUAGES
from cxlab.simulation.world import Bools

_SENTENCES_PER_TOPIC = 4
_OPENERS = 3
_CLOSERS = 3


@functools.cache
def all_comments() -> tuple[str, ...]:
    """Every comment that can be written, by language, topic, sentence, opener and closer.

    >>> len(all_comments()) == 4 * 8 * 4 * 3 * 3
    True
    """
    written = []
    for language in LANGUAGES:
        openers = ("", *OPENERS[language])
        for topic in COMMENT_TOPICS:
            for k, sentence in enumerate(SENTENCES[language][topic]):
                ends = ("", *CLOSERS[language][2 * (k // 2) : 2 * (k // 2) + 2])
                written += [f"{opener}{sentence}{end}" for opener in openers for end in ends]
    return tuple(written)


def comment_codes(rng: Generator, *, language: Ints, topic: Ints, pleased: Bools) -> Ints:
    """Which of :func:`all_comments` each answer carries, -1 for none (``topic`` -1)."""
    n = len(topic)
    sentence = 2 * pleased + rng.integers(0, 2, n)
    # Two comments in three have no opener, one in two no closer.
    opener = np.maximum(rng.integers(-3, _OPENERS, n), 0)
    closer = np.maximum(rng.integers(-1, _CLOSERS, n), 0)
    code = (language * len(COMMENT_TOPICS) + topic) * _SENTENCES_PER_TOPIC + sentence
    code = (code * _OPENERS + opener) * _CLOSERS + closer
    return np.where(topic >= 0, code, -1)
