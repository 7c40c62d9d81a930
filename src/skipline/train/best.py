"""The best model of a run so far: kept in memory, and written with the next checkpoint."""

from __future__ import annotations

import copy
from types import TracebackType

from skipline.nn import ResidualNet
from skipline.train.task import Task
from skipline.weights import TrainedModel, save_model


class BestModel:
    """The net of the lowest test error; a context, at whose end it is written, however that comes.

    Epochs may take seconds, and each of the first is usually better than all before. A run that is killed goes on from
    a checkpoint before the epoch that was not written, and comes to the same net again.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._unwritten: list[ResidualNet] = []

    def __enter__(self) -> BestModel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.write()

    def keep(self, net: ResidualNet) -> None:
        """Note that `net`, as it is now, is the best so far."""
        self._unwritten = [copy.deepcopy(net)]

    def write(self) -> None:
        """Write what has been kept since the last time. Raises `StorageError`."""
        for net in self._unwritten:
            save_model(self._task.folder.best_model, trained_model(self._task, net))
        self._unwritten.clear()


def trained_model(task: Task, net: ResidualNet) -> TrainedModel:
    """`net` with what the run knows of its images and classes."""
    return TrainedModel(net, task.preprocess, task.class_names)
