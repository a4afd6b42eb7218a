"""The zoo's questions are what they claim to be, and its experts know what they should."""

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
from modelswarms.zoo.questions import canonical_key, make_dataset

DATA = json.loads(zoo.questions_path().read_text())
ITEMS = DATA["dev"] + DATA["test"]


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


def test_the_file_is_what_its_seed_gives():
    assert zoo.questions_path().read_text() == json.dumps(make_dataset(), indent=1) + "\n"
    assert make_dataset(seed=1)["dev"][0] != make_dataset(seed=2)["dev"][0]


def test_answers_are_right():
    for item in ITEMS:
        graph = graph_of(item["question"])
        first, second = map(int, re.findall(r"node (\d+)", item["question"].rsplit("Q:", 1)[1])[:2])
        if item["domain"] == "connectivity":
            assert item["answer"] == ("Yes" if nx.has_path(graph, first, second) else "No")
        else:
            assert item["answer"] == str(nx.shortest_path_length(graph, first, second, weight="weight"))


def test_no_graph_is_in_both_splits():
    def match(a, b):
        return a["weight"] == b["weight"]

    graphs = {split: [graph_of(item["question"]) for item in DATA[split]] for split in ("dev", "test")}
    hashes = {s: [nx.weisfeiler_lehman_graph_hash(g, edge_attr="weight") for g in gs] for s, gs in graphs.items()}
    for i, own in enumerate(hashes["dev"]):
        for j, other in enumerate(hashes["test"]):
            if own == other:
                assert not nx.is_isomorphic(graphs["dev"][i], graphs["test"][j], edge_match=match)


def test_the_key_is_the_same_for_isomorphic_graphs():
    one = {0: {1: 3, 2: 1}, 1: {0: 3}, 2: {0: 1, 3: 2}, 3: {2: 2}}
    renamed = {9 - a: {9 - b: w for b, w in edges.items()} for a, edges in one.items()}
    other = {0: {1: 3, 2: 2}, 1: {0: 3}, 2: {0: 2, 3: 1}, 3: {2: 1}}
    assert canonical_key(one) == canonical_key(renamed) != canonical_key(other)


def test_balance_and_sizes():
    assert len(DATA["test"]) >= 500
    for split in ("dev", "test"):
        answers = Counter(item["answer"] for item in DATA[split] if item["domain"] == "connectivity")
        assert answers["Yes"] == answers["No"] == len(DATA[split]) // 4


def test_every_word_is_known_to_the_tokenizer():
    tokenizer = AutoTokenizer.from_pretrained(zoo.base_path())
    lengths = []
    for item in ITEMS:
        ids = tokenizer(item["question"])["input_ids"]
        assert tokenizer.unk_token_id not in ids
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
    assert {frame(item["question"]) for item in ITEMS} == {frame(item["question"]) for item in real["dev"]}


@pytest.mark.parametrize(
    ("expert", "domain", "least"), [("conn_small", "connectivity", 0.85), ("sp_mid", "shortest_path", 0.4)]
)
def test_an_expert_knows_its_family(expert, domain, least):
    base = AutoModelForCausalLM.from_pretrained(zoo.base_path(), dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(zoo.base_path())
    items = [item for item in DATA["test"] if item["domain"] == domain][:50]

    def share(model):
        right = 0
        for item in items:
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([tokenizer(item["question"])["input_ids"]])).logits[0, -1]
            right += tokenizer.decode(logits.argmax()).strip() == item["answer"]
        return right / len(items)

    assert share(base) < 0.3
    assert share(PeftModel.from_pretrained(base, zoo.expert_paths()[expert]).eval()) >= least
