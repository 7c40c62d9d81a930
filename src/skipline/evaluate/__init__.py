"""What a trained net is worth: measures of (logits, labels), pictures of its errors, two nets compared."""

from skipline.evaluate.evaluation import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
