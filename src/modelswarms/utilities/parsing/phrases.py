"""How people say that an option is the answer, and that it is not: the patterns that reading letters rests on.

Each is searched for right before a letter (it then ends in ``$``) or matched right after one.
"""

from __future__ import annotations

import re
from typing import Final

from modelswarms.utilities.parsing.cleaning import ANSWER

__all__ = [
    "ADJACENT",
    "ALL_BUT",
    "AND",
    "ANSWERED",
    "BECAUSE",
    "BEGINNING",
    "CHOSEN",
    "CLOSED",
    "DELIMITED",
    "DENIED",
    "FOREIGN",
    "GENUS",
    "GOES_ON",
    "JUDGED_RIGHT",
    "JUDGED_WRONG",
    "RETRACTED",
    "RIGHT",
    "TEMPTING",
    "WRONG",
]


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.VERBOSE)


_ADVERB: Final = r"""(?:clearly|definitely|probably|certainly|obviously|simply|likely
    |most\s+(?:likely|probably|certainly|definitely)|very\s+likely|therefore|thus|hence|indeed|actually|still|also|just|only|in\s+fact|of\s+course|perhaps|maybe|surely|really|now|again|then)"""
_FILL: Final = rf"""(?:[\s:,;"'(\[*{ANSWER}>=-]|\b(?:{_ADVERB}|going\s+to\s+be|to\s+be|it|it's|it\s+is|that|is|be|best
    |given\s+by|labell?ed|letter|the|an?\s+(?=option)|correct|right|marked|as|shown|represented\s+by|found|listed|in|under|would\s+be|options?|choices?|answers?|number|with|for)\b)*"""
_LINK: Final = r"""(?:'s\b|\b(?:is|was|are|be|would\s+be|should\s+be|must\s+be|will\s+be|could\s+be|might\s+be|may\s+be
    |can\s+be|has\s+to\s+be|have\s+to\s+be|seems?(?:\s+to\s+be)?|appears?(?:\s+to\s+be)?
    |remains|es|est|ist)\b|[:=>–—-]|->|→|⇒|➡|是|为)"""
_NOUN: Final = r"""(?:\b(?:answers?|ans|choices?|options?|solution|response|selection|pick|verdict|conclusion|guess
    |letter|key|alternative|one|correct|best|respuesta|réponse|antwort|risposta|resposta)\b|答案|选项|选择|正解|ответ)"""
_ABOUT: Final = r"(?:\s+(?:to|for|of|in|among|here|from|that|which|above|based|according|i)\b[^.!?\n:]{0,90}?)?"

ANSWERED: Final = _pattern(
    rf"""(?:{_NOUN}{_ABOUT}\s*{_LINK}{_FILL}|\b(?:answers?|ans)\b[\s"'(\[*]*|(?:答案|选项|选择|选|答)\s*)$"""
)
ADJACENT: Final = _pattern(r"""\b(?:options?|choices?|letters?|alternatives?)\b[\s"'(\[*]*$""")
CHOSEN: Final = _pattern(
    rf"""(?:\b(?:choose|chose|choosing|chosen|pick|picked|picking|select|selected|selecting|guess|guessing|say|answer|vote|go(?:ing)?\s+(?:with|for)
        |went\s+with|opt(?:ing)?\s+for|settle\s+(?:on|for)|lean(?:ing)?\s+(?:towards?|to)|prefer|believe|think|suspect|conclude
        |favou?r|suggests?|indicates?|points?\s+to|supports?|stick(?:ing)?\s+with|match(?:es|ing)?|leads?\s+(?:us\s+)?to
        |correspond(?:s|ing)?\s+to|mean|meant|so|therefore|thus|hence|thereby|consequently|meaning|i\.e\.|namely|which\s+is|which\s+makes
        |it\s+is|it's|it\s+was|must\s+be|should\s+be|would\s+be|has\s+to\s+be|that\s+is|that's|this\s+is|got|leaving|leaves|but|only|instead|rather|actually|wait|correction|sorry)\b
      |\bno\s*,|[,?]\s*(?:probably|most\s+likely|likely|perhaps|maybe|definitely))(?<!rather\ than){_FILL}$"""
)
DENIED: Final = _pattern(
    r"""(?:\b(?:not|isn't|wasn't|aren't|cannot|can't|neither|nor|never|rather\s+than|instead\s+of|except(?:\s+for)?|besides|eliminat(?:e[sd]?|ing)
        |rul(?:e[sd]?|ing)\s+out|exclud(?:e[sd]?|ing)|discard(?:s|ed|ing)?|reject(?:s|ed|ing)?|unlike|against|versus|vs\.?|than|over|dismiss(?:ed|ing)?)\b|n't\b)
        (?:[\s:,"'(*]|\b(?:be|is|it|either|just|only|the|an?|options?|choices?|answers?|letter|necessarily|both)\b)*$
      |\b(?:incorrect|wrong|false)\s+(?:answers?|options?|choices?|ones?)\b\s*(?:is|are|was|:)\s*(?:clearly\s+)?$
      |(?:n't|\bnot|\bnever)\s+(?:choose|pick|select|think|believe|say|go\s+(?:with|for)|answer|consider|guess)\s+(?:that\s+)?(?:it's|it\s+is|the\s+answer\s+is|the)?
        \s*(?:options?|choices?)?[\s"'(]*$
      |\b(?:anything|everything|all\s+of\s+them|all\s+options|every\s+option)\s+(?:but|except)\s+(?:options?\s+|choices?\s+)?$"""
)
ALL_BUT: Final = _pattern(
    r"""\b(?:everything|(?:all|every|the\s+other|any)\b(?:\s+(?:of\s+)?(?:them|the|options?|choices?|answers?))*)\s+(?:but|except(?:\s+for)?|besides|other\s+than)\s+(?:options?\s+|choices?\s+)?$"""
)
TEMPTING: Final = _pattern(
    r"""\b(?:you|people|students|many|some|someone|one|they|others)\s+(?:\w+\s+){0,2}?(?:think|say|choose|answer|pick|guess|believe|select|go\s+(?:for|with))s?
        \s+(?:it\s+is\s+|it's\s+|that\s+)?(?:options?\s+|choices?\s+)?$"""
)
"""What others would say."""

FOREIGN: Final = _pattern(
    r"""(?:\b(?:vitamins?|hepatitis|groups?|type|class|grade|plan|fig(?:ure|\.)?|section|table|appendix|exhibit|statements?|sentence|steps?|part|points?
        |sets?|nodes?|person|company|country|city|team|influenza|immunoglobulin|factor|protein|phase|stage|level|line|angle|variable|matrix|event|genes?|allele
        |chromosome|drugs?|test|rooms?|player|firm|states?|column|row|box|block|item|schedule|chapter|clause|article|rule|model|sample|compounds?|element
        |key\s+of|and|or|by|at|of|in|blood|with|between)|[=+×^\d])\s*$"""
)
"""What makes a single capital another thing's name."""

BEGINNING: Final = _pattern(
    rf"""(?:^|[\n.!?;:{ANSWER}\])])[\s"'*>\-\#•→➡➤]*(?:(?:well|hmm+|um+|uh|ok(?:ay)?|sure|so|yes|no|right|definitely|probably|clearly|certainly|likely|most\s+likely
        |maybe|perhaps|obviously|correct|easy|i\s+think|i\s+believe|option|choice|answer|letter|the|got\s+it|great|good\s+question|looking\s+at\s+this)\b[\s,.!:;"'*-]*)*$"""
)
DELIMITED: Final = _pattern(rf"""\s*(?:$|[{ANSWER}.)\]}}:,;!?\n"*|<>【】=(]|[-–—]+(?:\s|[A-Z]|>|$))""")
CLOSED: Final = _pattern(rf"""\s*(?:$|[{ANSWER}.)\]:,;!?\n"*|<(]|[-–—]+(?:\s|$))""")
GOES_ON: Final = _pattern(
    r"""\s+(?:is|was|are|were|because|since|as|which|that|and|or|but|for|due|based|given|according|so|then|therefore|thus|not|if|when|where|would|will|seems?|fits?
        |makes|describes|states|says|correctly|in\s+th(?:is|e|at)|from|by|with|it|i|we|you|this|these|the|here|rather|instead|though|although|however|can|could|can't
        |cannot|may|must|should|has|doesn't|does|isn't|looks?|appears?|probably|obviously|clearly|definitely|certainly|again|too|overall|after|of\s+(?:course|the)
        |over|out|among|to|on|stands|works|answers|matches|best\s+\w+s|wins)\b"""
)
"""Words that go on after a letter, but not after an article."""

BECAUSE: Final = _pattern(
    r"""\s+(?:because|since|as|for|which|due|based|given|with|over|rather|instead|and\s+not|but\s+not|not|then|if|when|too|again|here)\b"""
)
"""What may follow a letter that was chosen."""

GENUS: Final = re.compile(
    r"""\.\s+(?!(?:because|since|this|that|these|those|explanation|reason|answer|none|both|neither|there|here|when|where|which|while
        |their|they|with|from|also|only|thus|hence|then|even|although|option|choice|note|according|based|given)\b)[a-z]{4,}""",
    re.VERBOSE,
)
"""What follows a genus: "C. difficile"."""

AND: Final = _pattern(
    r"""\s*(?:,\s*(?:and|or|nor|&)|,|/|&|\+|\band/or\b|\bas\s+well\s+as\b|\band\b|\bor\b|\bnor\b)\s*
        (?:(?:also|possibly|maybe|perhaps|either|both)\s+)?(?:(?:the\s+)?(?:options?|choices?|answers?)\s+)?"""
)

_DEGREE: Final = rf"(?:(?:{_ADVERB}|the|an?|our|my|most|both|all|more|very|overall|single|to\s+be)\s+)*"
RIGHT: Final = _pattern(
    rf"""\s*(?:(?:is|was|are|would\s+be|must\s+be|has\s+to\s+be|should\s+be|remains|stands)\s+{_DEGREE}
           (?:correct|right|true|accurate|valid|appropriate|best|answer|one|likely|suitable|plausible|consistent|supported|reasonable|choice|option|winner|fitting
             |logical|proper|better|it|closest)\b(?!\s+(?:only\s+)?(?:in|for)\s+(?:some|certain|part)|\s+that\s+is\s+(?:not|wrong|incorrect))
         |(?:fits|makes\s+(?:the\s+most\s+)?sense|best\s+\w+s|correctly\s+\w+s|works|it\s+is|wins|stands\s+out|completes|satisfies|answers|matches)\b)"""
)
WRONG: Final = _pattern(
    rf"""\s*(?:(?:is|was|are|were|would\s+be|must\s+be|seems?|appears?|looks?|has\s+to\s+be)\s+(?:(?:{_ADVERB}|both|all|too|partly|partially|an?|the|to\s+be|easily)\s+)*
           (?:not|wrong|incorrect|false|untrue|out|ruled\s+out|eliminated|excluded|impossible|invalid|irrelevant|unlikely|inaccurate|nonsense|unrelated|implausible
             |neither|too|distractors?|inappropriate|contraindicated|less|never|no)\b
         |(?:isn't|wasn't|aren't|can't|cannot|couldn't|doesn't|don't|(?:does|do|did|would|could|will|can)\s+not|didn't|won't|wouldn't
             |can\s+be\s+(?:ruled|eliminated|excluded|discarded)|fails?|contradicts|lacks|violates|makes\s+no)\b)"""
)
_JUDGED: Final = r"""["')\].:,–—\s-]{1,5}\(?\s*"""
_VERDICT_END: Final = r"""(?=\s*(?:$|[.,;:!?)\n–—-])|\s+(?:because|since|as)\b|\s+\(?[A-Z][).:\]])"""
JUDGED_WRONG: Final = _pattern(
    rf"{_JUDGED}(?:(?:incorrect|wrong|false|untrue|not\s+(?:correct|right|true)|ruled\s+out|eliminated){_VERDICT_END}|✗|✘|❌)"
)
JUDGED_RIGHT: Final = _pattern(
    rf"{_JUDGED}(?:(?:correct|right|true){_VERDICT_END}|this\s+is\s+(?:the\s+)?(?:correct|right)\b)"
)
RETRACTED: Final = _pattern(
    r"""(?:^|[\s.,;!?\-–—(])(?:wait|actually|correction|scratch\s+that|on\s+second\s+thoughts?|let\s+me\s+(?:re|correct|fix|change)\w*|i\s+meant?|sorry
        |my\s+mistake|no(?=\s*[,.:;!–—-])|oops|strike\s+that|(?:up)?on\s+reflection)\b[^\n]{0,60}$"""
)
