"""Rewards: normalised, with lengths, negated; every figure is reckoned beside the reward model."""

from __future__ import annotations

import logging
from statistics import fmean

import pytest

from modelswarms import ConfigError, EvaluationError, Example, evaluate
from modelswarms.settings import build
from modelswarms.types import Request, Response, Utility
from modelswarms.utilities import load_utility
from modelswarms.utilities.abilities import Calibrated, Loaded, Opened
from modelswarms.utilities.reward import RewardModel, Span
from scorers import mean_weight, save_scorer

ANSWERS = ["Yes", "Yes Yes", "", "No such thing", "Yes " * 150]
EXAMPLES = [Example(str(k), f"Is it {k}?") for k in range(len(ANSWERS))]


class Parrot:
    """A model that answers from a list and remembers what it was asked."""

    def __init__(self, texts=ANSWERS):
        self.texts, self.asked = texts, []

    def generate(self, requests):
        self.asked.append(list(requests))
        return [Response(text) for text in self.texts[: len(requests)]]

    def render_chat(self, messages):
        return "".join(f"[{m['role']}]{m['content']}" for m in messages)


def liking(token: str) -> float:
    return 2.0 if token == "Yes" else -0.5


def reward(example, answer):
    return mean_weight(f"<user>{example.question}</><assistant>{answer}</>", liking)


REWARDS = [reward(e, a) for e, a in zip(EXAMPLES, ANSWERS, strict=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_scorer(tmp_path_factory.mktemp("reward") / "liking", liking))


@pytest.fixture
def made(folder):
    def make(**keys):
        return build(RewardModel, {"model": folder, "dtype": "float32", **keys}, "utility.")

    return make


def lengths(answers):
    """Tokens as the zoo's tokenizer counts them: Yes and No are one, and so is any other character."""
    return [len(a.replace("Yes", "!").replace("No ", "! ")) for a in answers]


def clipped(value):
    return min(1.0, max(0.0, value))


@pytest.mark.parametrize(
    ("given", "low", "high"),
    [
        ({"low": -0.6, "high": 0.1}, -0.6, 0.1),
        ("original", -3.060546875, 2.65625),
    ],
)
def test_rewards_are_normalised_and_clipped(made, given, low, high):
    scores = made(normalisation=given).score(EXAMPLES, Parrot())
    expected = [clipped((r - low) / (high - low)) for r in REWARDS]
    assert [s.value for s in scores] == pytest.approx(expected, abs=1e-5)
    assert [s.response for s in scores] == ANSWERS and all(s.parsed for s in scores)


def test_both_ends_are_reached(made):
    narrow = made(normalisation={"low": -0.45, "high": -0.3}).score(EXAMPLES, Parrot())
    assert {0.0, 1.0} <= {s.value for s in narrow}


@pytest.mark.parametrize("mode", ["concise", "verbose"])
def test_lengths_count_half(made, mode):
    span = Span(-1, 1)
    utility = made(mode=mode, normalisation={"low": -1, "high": 1})
    long = [clipped((n - 10) / 191) for n in lengths(ANSWERS)]
    assert {0.0, 1.0} <= set(long)
    wanted = long if mode == "verbose" else [1 - x for x in long]
    expected = [(span.share(r) + x) / 2 for r, x in zip(REWARDS, wanted, strict=True)]
    scores = [s.value for s in utility.score(EXAMPLES, Parrot())]
    assert scores == pytest.approx(expected, abs=1e-5)
    assert utility.aggregate(scores) == pytest.approx(fmean(expected), abs=1e-5)
    assert utility.range == (0, 1)


def test_reverse_negates_and_has_to_be_allowed(made):
    with pytest.raises(ConfigError, match=r"utility\.mode: 'reverse' .* utility\.allow_harmful: true"):
        made(mode="reverse")
    default = made(normalisation="original").score(EXAMPLES, Parrot())
    reverse = made(mode="reverse", allow_harmful=True, normalisation="original")
    assert [s.value for s in reverse.score(EXAMPLES, Parrot())] == [-s.value for s in default]
    assert reverse.range == (-1, 0)


def test_what_a_report_shows(made):
    scores = made(normalisation="original").score(EXAMPLES, Parrot())
    assert [s.answer for s in scores][:3] == [
        f"reward {r:.4g}, {n} token{'' if n == 1 else 's'}" for r, n in zip(REWARDS[:3], lengths(ANSWERS), strict=False)
    ]


def test_constants_are_the_ends_of_what_was_measured(made):
    utility = made()
    assert isinstance(utility, Calibrated) and isinstance(utility, Utility)
    assert utility.needs_constants
    measured = [utility.measure(EXAMPLES, Parrot()), utility.measure(EXAMPLES, Parrot(["No"] * 5))]
    assert [f["reward"] for f in measured[0]] == pytest.approx(REWARDS, abs=1e-5)
    found = utility.constants_from(measured)
    everything = REWARDS + [reward(e, "No") for e in EXAMPLES]
    assert found == pytest.approx({"low": min(everything), "high": max(everything)}, abs=1e-5)
    ready = utility.with_constants(found)
    assert not ready.needs_constants and ready.held is utility.held
    assert max(s.value for s in ready.score(EXAMPLES, Parrot())) == pytest.approx(1)
    assert not made(normalisation="original").needs_constants
    with pytest.raises(EvaluationError, match="nothing was measured yet"):
        utility.score(EXAMPLES, Parrot())


def test_equal_rewards_are_one_half(made):
    found = made().constants_from([[{"reward": 3.0}, {"reward": 3.0}], [{"reward": 3.0}]])
    assert Span(**found).share(3.0) == 0.5 and found["low"] < found["high"]


def test_the_answers_to_a_block_are_asked_and_scored_together(made, monkeypatch):
    utility, model = made(normalisation="original", batch_tokens=10**6), Parrot()
    utility.load()
    calls = []
    forward = utility.held._loaded.model.forward
    monkeypatch.setattr(utility.held._loaded.model, "forward", lambda **k: calls.append(k) or forward(**k))
    together = utility.score(EXAMPLES, model)
    assert [len(asked) for asked in model.asked] == [5] and len(calls) == 1
    alone = [utility.score([e], Parrot([a]))[0] for e, a in zip(EXAMPLES, ANSWERS, strict=True)]
    assert [s.value for s in together] == pytest.approx([s.value for s in alone], abs=1e-6)
    assert [s.answer for s in together] == [s.answer for s in alone]


def test_the_experts_prompt_is_theirs_and_the_reward_models_its_own(made):
    keys = {
        "chat": True, "system": "Be brief.", "instruction": "Answer.", "max_new_tokens": 7, "stop": ["\n"],
        "few_shot": [{"question": "Shown?", "answer": "Yes"}], "normalisation": {"low": -1, "high": 1},
    }  # fmt: skip
    utility, model = made(**keys), Parrot(["Yes"])
    score = utility.score(EXAMPLES[:1], model)[0]
    assert model.asked[0] == [
        Request("[system]Be brief.[user]Answer.\nShown?[assistant]Yes[user]Is it 0?", 7, ("\n",), special_tokens=False)
    ]
    seen = mean_weight("<user>Answer.\nIs it 0?</><assistant>Yes</>", liking)
    assert score.value == pytest.approx((seen + 1) / 2, abs=1e-5)


def test_it_is_loaded_before_a_run_and_freed_after_it(made, tmp_path):
    utility = made()
    assert isinstance(utility, Loaded) and isinstance(utility, Opened)
    utility.load()
    loaded = utility.held._loaded
    utility.open(tmp_path)
    assert utility.held._loaded is loaded is not None
    utility.with_constants({"low": 0, "high": 1}).close()
    assert utility.held._loaded is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"mode": "short"}, "utility.mode: 'short' is not allowed"),
        ({"normalisation": "none"}, "utility.normalisation: 'none' is not allowed; give 'measured' or 'original'"),
        ({"normalisation": {"low": 1, "high": 1}}, "utility.normalisation: low 1.0 and high 1.0 are not allowed"),
        ({"normalisation": {"low": 1, "high": float("inf")}}, "utility.normalisation: low 1.0 and high inf"),
        ({"normalisation": {"low": 1}}, "utility.normalisation.high: not given"),
        ({"normalisation": {"low": 1, "hgih": 2}}, "did you mean 'utility.normalisation.high'"),
        ({"max_new_tokens": 0}, "utility.max_new_tokens: 0"),
        ({"model": ""}, "utility.model: not given"),
        ({"device": "tpu"}, "utility.device: 'tpu'"),
        ({"dtype": "int8"}, "utility.dtype: 'int8'"),
        ({"batch_tokens": 0}, "utility.batch_tokens: 0"),
        ({"batch_tokens": True}, "utility.batch_tokens: True"),
        ({"trust_remote_code": "yes"}, "utility.trust_remote_code: 'yes'"),
        ({"label": [1]}, "utility.label: [1] is not allowed; give a text or a whole number or null"),
        ({"classifier": "x"}, "unknown key 'utility.classifier'"),
        ({"constants": {"low": 0, "high": 1}}, "unknown key 'utility.constants'"),
    ],
)
def test_mistakes_are_named(made, keys, says):
    with pytest.raises(ConfigError) as caught:
        made(**keys)
    assert says in str(caught.value)


@pytest.mark.parametrize("mode", ["default", "concise", "verbose"])
def test_the_names(folder, tmp_path, mode):
    (tmp_path / "rm.json").write_text('{"dev": [{"prompt": "Why?", "id": 1}]}')
    spec = {"kind": f"rm_{mode}", "data": "rm.json", "model": folder}
    utility, data = load_utility(spec, tmp_path)
    assert (utility.name, utility.mode, utility.max_new_tokens) == (f"rm_{mode}", mode, 200)
    assert [e.question for e in data.dev] == ["Why?"]


def test_the_name_that_harms_has_to_be_allowed(folder, tmp_path):
    (tmp_path / "rm.json").write_text('{"dev": [{"prompt": "Why?", "id": 1}]}')
    spec = {"kind": "rm_reverse", "data": "rm.json", "model": folder}
    with pytest.raises(ConfigError, match="allow_harmful: true"):
        load_utility(spec, tmp_path)
    assert load_utility({**spec, "allow_harmful": True}, tmp_path)[0].mode == "reverse"


def test_a_folder_is_checked_before_anything_is_loaded(tmp_path):
    (tmp_path / "rm.json").write_text('{"dev": [{"prompt": "Why?", "id": 1}]}')
    with pytest.raises(ConfigError, match=r"utility\.model: .*nowhere is no folder"):
        load_utility({"kind": "reward_model", "data": "rm.json", "model": str(tmp_path / "nowhere")}, tmp_path)


def test_the_published_prompts_are_read(shared, folder):
    utility, data = load_utility(
        {"kind": "rm_default", "data": str(shared / "data/eval/rm.json"), "model": folder}, shared
    )
    assert (len(data.dev), len(data.test)) == (200, 40)
    assert (
        utility.prompt(data.dev[1])
        == "Given a question, provide an answer with a logically sound argument. Why is democracy important?"
    )


def test_nothing_is_said_where_nothing_is_cut(made, caplog):
    with caplog.at_level(logging.WARNING):
        made(normalisation="original").score(EXAMPLES, Parrot())
    assert not caplog.records


@pytest.mark.slow
def test_the_published_prompts_run_through_the_zoo(shared, folder):
    """Its answers are no answers; they are as long as they may be, and each has a finite reward."""
    path = str(shared / "data" / "eval" / "rm.json")
    spec = {"kind": "rm_verbose", "data": path, "model": folder, "normalisation": {"low": -1, "high": 2}}
    (measured,) = evaluate(utility=spec, expert="base")
    assert len(measured.answers) == 40 and 0 <= measured.value <= 1
    assert all(a["answer"].startswith("reward ") for a in measured.answers)
