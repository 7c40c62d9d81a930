"""A finding: something about a folder of photos that a person should know, where it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from skipline.extras import install_command

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the table of findings: `why` it matters, and what to do `next`, which may be empty."""

    severity: Severity
    title: str
    why: str
    next: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found: files that belong together (one, or a group of duplicates), and more in words.

    `photos` are the indices of those files that are photos of the folder, in the order of `files`.
    """

    files: tuple[str, ...]
    what: str = ""
    photos: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of thing that was found, `what` in a sentence, and every place of it.

    `severity` is the kind's, or milder where the person who checks has allowed it.
    """

    name: str
    severity: Severity
    what: str
    places: tuple[Place, ...]

    @property
    def kind(self) -> Kind:
        """Its row in the table of kinds."""
        return KINDS[self.name]


def _error(title: str, why: str, then: str) -> Kind:
    return Kind("error", title, why, then)


def _warning(title: str, why: str, then: str) -> Kind:
    return Kind("warning", title, why, then)


def _note(title: str, why: str, then: str) -> Kind:
    return Kind("note", title, why, then)


_AGAIN = "Copy or download them again, or delete them."

# In the order in which they are told: first what makes training wrong, then what makes it worse, then what was done.
KINDS: Mapping[str, Kind] = {
    "no_image": _error(
        "no image",
        "Without images there is nothing to learn.",
        "Give the folder that holds the class folders.",
    ),
    "no_class": _error(
        "no class",
        "No image is in a class folder and no table gives its class, so there are no labels.",
        "Make a folder for each class and move the images there, or write a CSV of file,label.",
    ),
    "one_class": _error(
        "one class only",
        "With a single class there is nothing to classify: a network that always predicts it is never wrong.",
        "Add a folder for another class, or give the folder above.",
    ),
    "few_images": _error(
        "too few images",
        "A class needs at least 5 usable images, or none can be held out for validation and test.",
        "Add images of these classes, or move their folders away.",
    ),
    "two_labels": _error(
        "two labels for one file",
        "The table contradicts itself, so one of the labels is wrong.",
        "Keep one row for each file.",
    ),
    "label_conflict": _error(
        "label conflict",
        "The same picture, byte for byte, is in two classes: one of the labels is wrong, or the classes overlap.",
        "Look at each group and delete the copy in the wrong class.",
    ),
    "near_label_conflict": _error(
        "label conflict between pictures that look the same",
        "A re-encoded or resized copy is in another class, so one of the labels is probably wrong.",
        "Look at each group and delete the copy in the wrong class; where classes are meant to differ in small things "
        "only, --allow near_label_conflict.",
    ),
    "leak": _error(
        "leak between parts",
        "The same picture, byte for byte, is in two sets of the split: the measured accuracy would be too high.",
        "Delete one of the copies, or give the folder without parts and let it be split.",
    ),
    "near_leak": _error(
        "leak between parts, of pictures that look the same",
        "A re-encoded or resized copy is in another set of the split: the measured accuracy would be too high.",
        "Move each group into one part, or give the folder without parts; where the parts are meant to be alike, "
        "--allow near_leak.",
    ),
    "unknown_class": _error(
        "class without training images",
        "The class list comes from the training set, so these images cannot be used and are left out.",
        "Rename the folder as its class in the training part is called, or add the class there.",
    ),
    "many_unusable": _error(
        "too many unusable files",
        "So many unreadable files suggest a common cause, such as an interrupted copy.",
        "See the kinds below. To go on with the others, raise --max-unusable.",
    ),
    "truncated": _warning("cut short", "The missing part would be decoded as grey. They are left out.", _AGAIN),
    "broken": _warning("broken", "They cannot be decoded and are left out.", _AGAIN),
    "empty": _warning("empty files", "They have no content and are left out.", _AGAIN),
    "not_an_image": _warning(
        "not an image, despite its name",
        "The content is of another kind; they are left out.",
        "Delete them, or convert them to JPEG or PNG.",
    ),
    "oversized": _warning(
        "oversized",
        "Images that claim more pixels than the limit can fill the memory; they are left out unread.",
        "Save them smaller: more pixels than a network sees are of no use to it.",
    ),
    "cannot_read": _warning(
        "not readable",
        "Permissions do not allow reading them, or they disappeared meanwhile; they are left out.",
        "Change their permissions (chmod u+r), or copy them again.",
    ),
    "heic": _warning(
        "HEIC photos without the extra",
        "Reading HEIC takes a library that is not installed; they are left out.",
        install_command("heic"),
    ),
    "disguised": _warning(
        "content that does not match the file name",
        "They are read by their content, but other programs may refuse or mistake them.",
        "Rename them.",
    ),
    "duplicates": _warning(
        "exact duplicates",
        "They count twice in training. A split keeps copies in one set.",
        "Delete all but one of each group.",
    ),
    "near_duplicates": _warning(
        "pictures that look the same",
        "Re-encoded or resized copies count twice in training. A split keeps them in one set.",
        "Delete all but one of each group.",
    ),
    "imbalance": _warning(
        "imbalance",
        "A network can reach a high accuracy by guessing the large classes; accuracy over all images hides that.",
        "Add images of the small classes, and look at the balanced accuracy.",
    ),
    "absent_class": _warning(
        "class missing from a part",
        "It is not evaluated there. Labels stay those of the training set.",
        "Move some of its images there.",
    ),
    "alike_classes": _warning(
        "class names that look like the same class",
        "They are treated as different classes.",
        "If they are one class, merge their folders.",
    ),
    "same_name_classes": _warning(
        "folders whose names look exactly the same",
        "They differ only in how accents are stored, so they are read as one class.",
        "Merge their folders.",
    ),
    "suspicious_label": _warning(
        "suspected label errors",
        "The model, which has not learnt from these photos, takes them for another class, and surely so by the measure "
        "of that class. The label may be wrong, the model may be, or the picture shows both.",
        "Look at each, and move the files that are in the wrong class.",
    ),
    "unlabelled": _warning(
        "images without a class", "They are left out.", "Move them into the folder of their class, or delete them."
    ),
    "missing_file": _warning(
        "rows whose file is not there", "They are left out.", "Copy the files there, or delete the rows."
    ),
    "outside_file": _warning(
        "rows whose file lies outside the folder",
        "Nothing outside the folder is read; they are left out.",
        "Copy the files into the folder.",
    ),
    "twice_in_table": _warning("files in several rows", "They count once.", "Keep one row for each file."),
    "nested": _warning(
        "class folders that hold only folders",
        "Everything below counts as the one class.",
        "If the inner folders are the classes, give the folder that holds them, or move them up.",
    ),
    "blank": _warning(
        "blank pictures",
        "The whole picture has nearly the same brightness: a lens cap, a failed scan or a placeholder.",
        "Look at them, and delete what shows nothing.",
    ),
    "small": _warning(
        "very small pictures",
        "Below 32 pixels a side they have to be enlarged, and show little.",
        "Replace them with larger ones if there are any.",
    ),
    "links": _warning(
        "links that are not followed",
        "Links are followed only inside the folder, once each, and never in a circle.",
        "Copy what they lead to into the folder.",
    ),
    "unlisted": _warning(
        "folders that cannot be listed", "What is in them is not seen.", "Change their permissions (chmod u+rx)."
    ),
    "special": _warning("pipes, sockets and devices", "They are not opened.", "Delete them."),
    "raw": _warning(
        "camera raw files",
        "They are not developed here, and are left out.",
        "Export them as JPEG.",
    ),
    "rotated": _note("turned by EXIF", "They are rotated upright; programs that ignore EXIF show them rotated.", ""),
    "animated": _note("animated", "Only the first frame is used.", "Nothing to do, if that is the one meant."),
    "pages": _note("of several pages", "Only the first page is used.", "Nothing to do, if that is the one meant."),
    "cmyk": _note("CMYK", "Converted to RGB without colour management: colours are roughly right.", ""),
    "lab": _note("Lab colours", "Converted to RGB.", ""),
    "sixteen_bit": _note("16 bits", "Scaled to 8 bits: white stays white.", ""),
    "palette": _note("with a palette", "Converted to RGB.", ""),
    "transparent": _note("transparent", "Laid on white.", ""),
    "grey": _note("grey", "Read as RGB with three equal channels.", ""),
    "damaged_metadata": _note(
        "damaged metadata", "EXIF cannot be read, so these may lie on their side.", "Look at a few of them."
    ),
    "other": _note("other files", "They are not images and are ignored.", ""),
    "hidden": _note("hidden files", "Hidden files are ignored.", ""),
    "system": _note("system files", "Thumbs.db, __MACOSX and the like are ignored.", ""),
}
