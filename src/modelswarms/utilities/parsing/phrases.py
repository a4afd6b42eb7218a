"""How people say that an option is the answer, and that it is not: the patterns that reading letters rests on.

Each is searched for right before a letter (it then ends in ``$``) or matched right after one.
"""

from __future__ import annotations

import re
from typing import Final

from modelswarms.utilities.parsing.cleaning import ANSWER
from modelswarms.utilities.parsing.patterns import ADVERB, RETRACTION, any_of, pattern

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

_OPTION: Final = "(?:options?|choices?|letters?|alternatives?)"
_NOUN: Final = any_of(
    """answers?, ans, choices?, options?, solution, response, selection, pick, verdict, conclusion, guess,
    letter, key, alternative, one, correct, best, respuesta, réponse, antwort, risposta, resposta"""
)
_FILL_WORD: Final = any_of(
    r"""going to be, to be, it, it's, it is, that, is, be, best, given by, labell?ed, letter, the, correct, right,
    marked, as, shown, represented by, found, listed, in, under, would be, options?, choices?, answers?,
    number, with, for, an?(?=\s+option)"""
)
_FILL: Final = rf"""(?:[\s:,;"'(\[*{ANSWER}>=-]|\b(?:{ADVERB}|{_FILL_WORD})\b)*"""
_BE: Final = any_of(
    """is, was, are, be, would be, should be, must be, will be, could be, might be, may be, can be, has to be,
    have to be, seems?, seems? to be, appears?, appears? to be, remains, es, est, ist"""
)
_LINK: Final = rf"(?:'s\b|\b{_BE}\b|[:=>–—-]|->|→|⇒|➡|是|为)"
_RELATION: Final = any_of("to, for, of, in, among, here, from, that, which, above, based, according, i")
_ABOUT: Final = rf"(?:\s+{_RELATION}\b[^.!?\n:]{{0,90}}?)?"

# --- before a letter

ANSWERED: Final = pattern(
    rf"""(?:(?:\b{_NOUN}\b|答案|选项|选择|正解|ответ)(?:,[^,.\n]{{1,30}},)?{_ABOUT}\s*{_LINK}{_FILL}
          |\b(?:answers?|ans)\b[\s"'(\[*]*
          |(?:答案|选项|选择|选|答)\s*)$"""
)
ADJACENT: Final = pattern(rf"""\b{_OPTION}\b[\s"'(\[*]*$""")
_CHOOSE: Final = any_of(
    """choose, chose, choosing, chosen, pick, picked, picking, select, selected, selecting, guess, guessing, say,
    answer, vote, go with, go for, bet on, mark, tick, circle, going with, going for, went with, opt for,
    opting for, settle on, settle for, lean to, lean towards?, leaning to, leaning towards?, prefer, believe,
    think, suspect, conclude, favou?r, suggests?, indicates?, goes to, points? to, supports?, stick with,
    sticking with, match, matches, matching, leads? to, leads? us to, corresponds? to, corresponding to, mean,
    meant, got"""
)
_SO: Final = any_of(
    r"""so, ergo, therefore, thus, hence, thereby, consequently, meaning, namely, which is, which makes, it is,
    it's, it was, must be, should be, would be, has to be, that is, that's, this is, leaving, leaves, but,
    only, instead, rather(?! than), actually, wait, correction, sorry, i\.e\."""
)
CHOSEN: Final = pattern(
    rf"""(?:\b(?:{_CHOOSE}|{_SO})(?!\w)
          |\bno\s*,
          |[,?]\s*(?:probably|most\s+likely|likely|perhaps|maybe|definitely)){_FILL}$"""
)
_NOT: Final = any_of(
    """not, isn't, wasn't, aren't, cannot, can't, neither, nor, never, rather than, instead of, except, except
    for, besides, eliminate, eliminated, eliminates, eliminating, rule out, rules out, ruled out, ruling out,
    exclude, excluded, excludes, excluding, discards?, discarded, discarding, rejects?, rejected, rejecting,
    unlike, against, versus, vs, than, over, dismiss, dismissed"""
)
_BETWEEN: Final = any_of(
    """be, is, it, either, just, only, the, an?, options?, choices?, answers?, letter, necessarily, both"""
)
_OPINION: Final = any_of("choose, pick, select, think, believe, say, go with, go for, answer, consider, guess")
_ALL: Final = any_of("anything, everything, all of them, all options, every option")
DENIED: Final = pattern(
    rf"""(?:(?:\b{_NOT}\b|n't\b)\.?(?:[\s:"'(*]|\b{_BETWEEN}\b)*
          |\b(?:incorrect|wrong|false)\s+(?:answers?|{_OPTION}|ones?)\s*(?:is|are|was|:)\s*(?:clearly\s+)?
          |(?:n't|\bnot|\bnever)\s+{_OPINION}\s+(?:that\s+)?(?:it's|it\s+is|the\s+answer\s+is|the)?\s*(?:{_OPTION})?
            [\s"'(]*
          |\b{_ALL}\s+(?:but|except)\s+(?:{_OPTION}\s+)?)$"""
)
ALL_BUT: Final = pattern(
    rf"""\b(?:everything|(?:all|every|the\s+other|any)\b(?:\s+(?:of\s+)?(?:them|the|{_OPTION}|answers?))*)
        \s+{any_of("but, except, except for, besides, other than")}\s+(?:{_OPTION}\s+)?$"""
)
TEMPTING: Final = pattern(
    rf"""\b(?:you|people|students|many|some|someone|one|they|others)\s+(?:\w+\s+){{0,2}}?{_OPINION}s?
        \s+(?:it\s+is\s+|it's\s+|that\s+)?(?:{_OPTION}\s+)?$"""
)
"""What others would say."""

_NAMING: Final = any_of(
    """vitamins?, hepatitis, groups?, type, class, grade, plan, fig, figure, section, table, appendix, exhibit,
    statements?, sentence, steps?, part, points?, sets?, nodes?, person, company, country, city, team,
    influenza, immunoglobulin, factor, protein, phase, stage, level, line, angle, variable, matrix, event,
    genes?, allele, chromosome, drugs?, test, rooms?, player, firm, states?, column, row, box, block, item,
    schedule, chapter, clause, article, rule, model, sample, compounds?, element, key of, see, cf, compare,
    and, or, by, at, of, in, blood, with, between"""
)
FOREIGN: Final = pattern(rf"(?:\b{_NAMING}\.?|[=+×^\d])\s*$")
"""What makes of a single capital another thing's name."""

_OPENING: Final = any_of(
    """well, hmm+, um+, uh, ok, okay, sure, so, yes, no, right, definitely, probably, clearly, certainly, likely,
    most likely, maybe, perhaps, obviously, correct, easy, i think, i believe, option, choice, answer, letter,
    the, got it, great, good question, looking at this, not sure, i'm not sure, i am not sure, i don't know,
    unsure, hmm"""
)
_ADVERBIAL: Final = r"(?!not\b|neither\b|except\b|unlike\b|besides\b|instead\b)(?:[a-z']+\s+){0,4}[a-z']{2,},\s*"
BEGINNING: Final = pattern(
    rf"""(?:(?:^|[\n.!?;:{ANSWER}\])])[\s"'*>=\-\#•→➡➤]*(?:{_OPENING}\b[\s,.!:;"'*-]*)*
          |(?:^|[\n.!?])\s*{_ADVERBIAL})$"""
)
"""The beginning of a text or a sentence, or after its opening ("Hmm,", "In conclusion,")."""

RETRACTED: Final = pattern(
    rf"""(?:^|[\s.,;!?–—(-])(?:{RETRACTION}|no(?=\s*[,.:;!–—-])
          |but\s+(?:the\s+)?(?:correct|right|actual|real|true|best|final|answer))(?!\w)[^\n]{{0,60}}$"""
)

# --- after a letter

DELIMITED: Final = pattern(rf"""\s*(?:$|[{ANSWER}.)\]}}:,;!?\n"*|<>【】=(]|[-–—]+(?:\s|[A-Z]|>|$))""")
CLOSED: Final = pattern(rf"""\s*(?:$|[{ANSWER}.)\]:,;!?\n"*|<(]|[-–—]+(?:\s|$))""")
_AFTER_LETTER: Final = any_of(
    r"""is, was, are, were, because, since, as, which, that, and, or, but, for, due, based, given, according, so,
    then, therefore, thus, not, if, when, where, would, will, seems?, fits?, makes, describes, states, says,
    correctly, in this, in the, in that, from, by, with, it, i, we, you, this, these, the, here, rather,
    instead, though, although, however, can, could, can't, cannot, may, must, should, has, doesn't, does,
    isn't, looks?, appears?, probably, obviously, clearly, definitely, certainly, again, too, overall, after,
    of course, of the, over, out, among, to, on, stands, works, answers, matches, best \w+s, wins"""
)
GOES_ON: Final = pattern(rf"\s+{_AFTER_LETTER}\b")
"""Words that go on after a letter, but not after an article."""

BECAUSE: Final = pattern(
    r"\s+"
    + any_of(
        """because, since, as, for, which, due, based, given, with, over, rather, instead, and not, but not, not,
        then, if, when, too, again, here"""
    )
    + r"\b"
)
"""What may follow a letter that was chosen."""

_SENTENCE_WORD: Final = any_of(
    """because, since, this, that, these, those, explanation, reason, answer, none, both, neither, there, here,
    when, where, which, while, their, they, with, from, also, only, thus, hence, then, even, although, option,
    choice, note, according, based, given"""
)
GENUS: Final = re.compile(rf"\.\s+(?!{_SENTENCE_WORD}\b)[a-z]{{4,}}")
"""What follows a genus: "C. difficile"."""

AND: Final = pattern(
    rf"""\s*(?:,\s*(?:and|or|nor|&)|,|/|\||&|\+|\band/or\b|\bas\s+well\s+as\b|\band\b|\bor\b|\bnor\b|,?\s*\bthen\b)\s*
        (?:(?:also|possibly|maybe|perhaps|either|both)\s+)?(?:(?:the\s+)?(?:{_OPTION}|answers?)\s+)?"""
)
_DEGREE: Final = rf"(?:(?:{ADVERB}|the|an?|our|my|most|both|all|more|very|overall|single|to\s+be)\s+)*"
_GOOD: Final = any_of(
    """correct, right, true, accurate, valid, appropriate, best, answer, one, likely, suitable, plausible,
    consistent, supported, reasonable, choice, option, winner, fitting, logical, proper, better, it, closest"""
)
_IS: Final = any_of("is, was, are, would be, must be, has to be, should be, remains, stands")
RIGHT: Final = pattern(
    rf"""\s*(?:{_IS}\s+{_DEGREE}{_GOOD}\b
            (?!\s+(?:only\s+)?(?:in|for)\s+(?:some|certain|part)|\s+that\s+is\s+(?:not|wrong|incorrect))
          |(?:fits|makes\s+(?:the\s+most\s+)?sense|best\s+\w+s|correctly\s+\w+s|works|it\s+is|(?:is|remains|is\s+left)(?=\s*(?:[.!;,\n]|$))
            |wins|stands\s+out|sounds\s+(?:right|correct)
            |completes|satisfies|answers|matches)\b)"""
)
_BAD: Final = any_of(
    """not, wrong, incorrect, false, untrue, out, ruled out, eliminated, excluded, impossible, invalid,
    irrelevant, unlikely, inaccurate, nonsense, unrelated, implausible, neither, too, distractors?,
    inappropriate, contraindicated, less, never, no"""
)
_FAILS: Final = any_of(
    """isn't, wasn't, aren't, can't, cannot, couldn't, doesn't, don't, didn't, won't, wouldn't, does not, do not,
    did not, would not, could not, will not, can not, can be ruled, can be eliminated, can be excluded, can be
    discarded, fails?, contradicts, lacks, violates, makes no"""
)
WRONG: Final = pattern(
    rf"""\s*(?:{any_of("is, was, are, were, would be, must be, seems?, appears?, looks?, has to be")}\s+
            (?:(?:{ADVERB}|both|all|too|partly|partially|an?|the|to\s+be|easily)\s+)*{_BAD}\b
          |{_FAILS}\b)"""
)
_JUDGED: Final = r"""["')\].:,=–—\s-]{1,5}\(?\s*"""
_VERDICT_END: Final = r"""(?=\s*(?:$|[.,;:!?)\n–—-])|\s+(?:because|since|as)\b|\s+\(?[A-Z][).:\]])"""
JUDGED_WRONG: Final = pattern(
    rf"""{_JUDGED}(?:(?:incorrect|wrong|false|untrue|not\s+(?:correct|right|true)|ruled\s+out|eliminated){_VERDICT_END}
          |✗|✘|❌)"""
)
JUDGED_RIGHT: Final = pattern(
    rf"{_JUDGED}(?:(?:correct|right|true){_VERDICT_END}|this\s+is\s+(?:the\s+)?(?:correct|right)\b)"
)
