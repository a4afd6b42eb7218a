"""Sequence classifiers as scorers of texts: reward models and toxicity scorers are both this."""

from modelswarms.utilities.classifiers.answers import ScoredAnswers
from modelswarms.utilities.classifiers.classifier import Classifier, ClassifierKeys
from modelswarms.utilities.classifiers.loaded import Exchange, Text

__all__ = ["Classifier", "ClassifierKeys", "Exchange", "ScoredAnswers", "Text"]
