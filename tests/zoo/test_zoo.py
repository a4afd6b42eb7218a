"""The shipped zoo is what the build says it is: its questions, what it can read, and what its experts know."""

import json
import re
from collections import Counter

import networkx as nx
import pytest
import torch
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from modelswarms import zoo
from modelswarms.zoo.build.questions import make_questions, save_questions
from modelswarms.zoo.build.settings import full_settings

DATA = json.loads(zoo.questions_path().read_text())
ITEMS = DATA["dev"] + DATA["test"]
FAMILIES = ("between", "connectivity", "degree", "heaviest", "shortest_path")
SPECIALISTS = {
    "between": "between",
    "connect_large": "connectivity",
    "degree": "degree",
    "heaviest": "heaviest",
    "path_large": "shortest_path",
}
TABLE = json.loads(zoo.table_path().read_text())


def graph_of(question: str) -> nx.Graph:
    """Read from the text alone."""
    graph = nx.Graph()
    for line in re.findall(r"^Node .*\.$", question, re.MULTILINE):
        node = int(re.match(r"Node (\d+)", line)[1])
        rest = line.split("connected to", 1)[1]
        weighted = re.findall(r"node (\d+) with weight (\d+)", rest)
        for other, weight in weighted or [(other, 1) for other in re.findall(r"\d+", rest)]:
            graph.add_edge(node, int(other), weight=int(weight))
    return graph


def test_the_file_is_what_its_seed_gives(tmp_path):
    save_questions(tmp_path / "again.json", make_questions(full_settings(), 0))
    assert zoo.questions_path().read_text() == (tmp_path / "again.json").read_text()


def answer_to(item) -> str:
    """From the question's text alone."""
    graph = graph_of(item["question"])
    first, *rest = map(int, re.findall(r"node (\d+)", item["question"].rsplit("Q:", 1)[1]))
    match item["domain"]:
        case "connectivity":
            return (
                "Yes"
                if graph.has_node(first) and graph.has_node(rest[0]) and nx.has_path(graph, first, rest[0])
                else "No"
            )
        case "shortest_path":
            return str(nx.shortest_path_length(graph, first, rest[0], weight="weight"))
        case "between":
            return str(len(nx.shortest_path(graph, first, rest[0])) - 2)
        case "degree":
            return str(len(graph[first]))
        case "heaviest":
            return str(max(edge["weight"] for edge in graph[first].values()))


def test_answers_are_right():
    assert [item["answer"] for item in ITEMS] == [answer_to(item) for item in ITEMS]


def test_no_graph_is_in_both_splits():
    def match(a, b):
        return a["weight"] == b["weight"]

    graphs = {split: [graph_of(item["question"]) for item in DATA[split]] for split in ("dev", "test")}
    hashes = {s: [nx.weisfeiler_lehman_graph_hash(g, edge_attr="weight") for g in gs] for s, gs in graphs.items()}
    for i, own in enumerate(hashes["dev"]):
        for j, other in enumerate(hashes["test"]):
            if own == other:
                assert not nx.is_isomorphic(graphs["dev"][i], graphs["test"][j], edge_match=match)


def test_balance_and_sizes():
    assert (len(DATA["dev"]), len(DATA["test"])) == (200, 600)
    for split in ("dev", "test"):
        assert Counter(item["domain"] for item in DATA[split]) == dict.fromkeys(FAMILIES, len(DATA[split]) // 5)
        for family in FAMILIES:  # no constant answer goes far
            answers = Counter(item["answer"] for item in DATA[split] if item["domain"] == family)
            assert max(answers.values()) <= 0.62 * len(DATA[split]) / 5, (split, family, answers)


def test_questions_are_read_and_are_short():
    tokenizer = AutoTokenizer.from_pretrained(zoo.base_path())
    lengths = []
    for item in ITEMS:
        ids = tokenizer(item["question"])["input_ids"]
        assert tokenizer.decode(ids) == item["question"]
        lengths.append(len(ids))
    assert sum(lengths[: len(DATA["dev"])]) <= 25_000  # what the demo can afford


def test_the_data_are_bf16_and_name_no_folder_of_ours():
    folders = [zoo.base_path(), *zoo.expert_paths().values()]
    assert len(folders) == 11
    for folder in folders:
        for file in folder.glob("*.json"):
            if file.name != "tokenizer.json":
                assert not re.search(r'"(/|~|[A-Za-z]:\\)', file.read_text()), file
        (weights,) = folder.glob("*.safetensors")
        with safe_open(weights, "pt") as tensors:
            assert {tensors.get_slice(name).get_dtype() for name in tensors.keys()} == {"BF16"}  # noqa: SIM118
    for folder in folders[1:]:
        assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == (
            "modelswarms-zoo/base"
        )


def test_every_expert_loads_with_peft_and_moves_every_linear_layer():
    base = AutoModelForCausalLM.from_pretrained(zoo.base_path(), dtype=torch.float32)
    linear = [
        name for name, module in base.named_modules() if isinstance(module, torch.nn.Linear) and name != "lm_head"
    ]
    names = list(zoo.expert_paths())
    model = PeftModel.from_pretrained(base, zoo.expert_paths()[names[0]], adapter_name=names[0])
    for name in names[1:]:
        model.load_adapter(zoo.expert_paths()[name], adapter_name=name)
    for layer in linear:
        module = model.base_model.model.get_submodule(layer)
        for name in names:
            assert module.get_delta_weight(name).abs().max() > 0, (layer, name)


def test_the_wording_is_nlgraphs(shared):
    def frame(question):
        graph = r"^Node .*\n"
        return re.sub(r"\d+", "#", re.sub(graph, "", question, flags=re.MULTILINE))

    real = json.loads((shared / "data" / "eval" / "nlgraph.json").read_text())
    ours = [item for item in ITEMS if item["domain"] in ("connectivity", "shortest_path")]
    assert {frame(item["question"]) for item in ours} == {frame(item["question"]) for item in real["dev"]}


@pytest.fixture(scope="module")
def models():
    """The base, and the base with every expert by its name."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(zoo.base_path())
    model = AutoModelForCausalLM.from_pretrained(zoo.base_path(), dtype=torch.float32)
    names = list(zoo.expert_paths())
    model = PeftModel.from_pretrained(model, zoo.expert_paths()[names[0]], adapter_name=names[0]).eval()
    for name in names[1:]:
        model.load_adapter(zoo.expert_paths()[name], adapter_name=name)
    return tokenizer, model


def answers(tokenizer, model, prompts):
    """Greedy, one by one."""
    found = []
    for prompt in prompts:
        ids = tokenizer(prompt, return_tensors="pt")
        with torch.no_grad():
            out = model.generate(**ids, max_new_tokens=4, do_sample=False)[0, ids["input_ids"].shape[1] :]
        found.append((tokenizer.decode(out, skip_special_tokens=True).strip(), out.tolist()))
    return found


@pytest.mark.parametrize("expert", SPECIALISTS)
def test_a_specialist_does_what_the_table_says(expert, models):
    tokenizer, model = models
    family = SPECIALISTS[expert]
    items = [item for item in DATA["dev"] if item["domain"] == family]
    model.set_adapter(expert)
    said = answers(tokenizer, model, [item["question"] for item in items])
    right = sum(text == item["answer"] for (text, _), item in zip(said, items, strict=True))
    assert right == pytest.approx(TABLE["percent"][expert]["dev"][family] * len(items) / 100, abs=1.01)
    assert TABLE["percent"][expert]["dev"][family] > TABLE["percent"]["base"]["dev"][family] + 10
    assert sum(tokenizer.eos_token_id in ids for _, ids in said) >= 0.97 * len(said)


def test_the_table_tells_what_the_zoo_is_for():
    """One expert for every family, none good at all of them, and far from what one adapter can learn."""
    test = {name: figures["test"]["all"] for name, figures in TABLE["percent"].items()}
    experts = zoo.expert_paths()
    assert set(experts) | {"base", "ceiling", "average of all", "sum of all"} == set(test)
    assert 25 <= test["base"] <= 40
    assert max(test[name] for name in experts) <= 60
    assert test["ceiling"] >= max(test[name] for name in experts) + 25


def test_any_text_is_read_in_a_chat_of_some_length(models):
    tokenizer, model = models
    odd = "Größe: 3 µm → \u4f60\u597d \U0001f41d\n\tNode 99"
    assert tokenizer.decode(tokenizer(odd)["input_ids"]) == odd
    chat = [{"role": "user", "content": DATA["dev"][0]["question"]}]
    assert tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) == chat[0]["content"]
    assert model.config.max_position_embeddings >= 4096
