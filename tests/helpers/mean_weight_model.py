"""What stands for a model's own code in tests; it is copied beside the weights."""

from torch import nn
from transformers import LlamaConfig, LlamaForSequenceClassification, LlamaModel, LlamaPreTrainedModel


class MeanWeightConfig(LlamaConfig):
    model_type = "mean_weight"


class MeanWeightForSequenceClassification(LlamaPreTrainedModel):
    config_class = MeanWeightConfig
    forward = LlamaForSequenceClassification.forward
    base_model_prefix = "model"

    def __init__(self, config):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.model = LlamaModel(config)
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)
        self.post_init()
