"""Training: a recipe, the visible loop, the run folder."""

from skipline.train.codec import recipe_from_json, recipe_from_settings, recipe_to_json
from skipline.train.deepening import Deepening
from skipline.train.error import RecipeError
from skipline.train.folder.environment import Setup, environment, setup_of
from skipline.train.folder.run_folder import RunError, RunFileError, RunFolder, create_run, open_run
from skipline.train.folder.salvage import read_recipe
from skipline.train.grown_run import GrownRun, grow_run, write_grown_run
from skipline.train.loop import train
from skipline.train.optimiser import AdamW, Sgd
from skipline.train.outcome import CutShort, Diverged, Interrupted, Outcome, Snapshot
from skipline.train.presets import PRESETS
from skipline.train.probe import Probe
from skipline.train.recipe import Recipe
from skipline.train.run import resume, start
from skipline.train.schedule import Constant, Cosine, LinearWarmUp, NoWarmUp, OneCycle, StepDecay, UntilError

__all__ = [
    "PRESETS",
    "AdamW",
    "Constant",
    "Cosine",
    "CutShort",
    "Deepening",
    "Diverged",
    "GrownRun",
    "Interrupted",
    "LinearWarmUp",
    "NoWarmUp",
    "OneCycle",
    "Outcome",
    "Probe",
    "Recipe",
    "RecipeError",
    "RunError",
    "RunFileError",
    "RunFolder",
    "Setup",
    "Sgd",
    "Snapshot",
    "StepDecay",
    "UntilError",
    "create_run",
    "environment",
    "grow_run",
    "open_run",
    "read_recipe",
    "recipe_from_json",
    "recipe_from_settings",
    "recipe_to_json",
    "resume",
    "setup_of",
    "start",
    "train",
    "write_grown_run",
]
