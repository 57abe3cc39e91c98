"""What a trained router has to beat: TF-IDF and a logistic regression on the same folds, as anybody would write it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_agent.routing.fitting import Rows
from orchestrator.routing.curve import Outcomes


def tf_idf_uplift(
    questions: Sequence[str], outcomes: Outcomes, parts: Iterable[tuple[Rows, Rows]]
) -> NDArray[np.float64]:
    """P(only the cloud is right) − P(only the device is right) of questions that were held out, `[n]`.

    Words and pairs of words, those that stand in two questions or more, sublinear TF-IDF (Salton and Buckley 1988), and
    a logistic regression for each of the two chances; all with scikit-learn's own settings else.

    Args:
        questions: of one file.
        outcomes: of the same questions.
        parts: the rows that each fold is fitted on, and those that it judges.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts, uplift = np.array(questions, object), np.zeros(len(questions))
    for fitted_on, judged in parts:
        reader = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        seen, unseen = reader.fit_transform(texts[fitted_on]), reader.transform(texts[judged])
        for sign in (1, -1):
            target = outcomes.uplift[fitted_on] == sign
            if target.any() and not target.all():
                fit = LogisticRegression(max_iter=1000).fit(seen, target)
                uplift[judged] += sign * fit.predict_proba(unseen)[:, 1]
    return uplift
