"""The import path under which users know what is done with dictionaries inside dictionaries."""

from collections.abc import MutableMapping
from copy import deepcopy
from typing import Any, TypeVar

__all__ = ["deep_fill_dict", "deep_remove_dict_on_equal"]

M = TypeVar("M", bound=MutableMapping[Any, Any])


def deep_fill_dict(
    target_dict: M,
    source_dict: MutableMapping[Any, Any],
    overwrite_existing: bool = False,
    inplace: bool = True,
    merge_lists: bool = False,
    unify_lists: bool = False,
) -> M:
    """Give a dictionary what another has and it lacks, in dictionaries inside it too.

    Args:
        target_dict: What is filled.
        source_dict: Where it comes from.
        overwrite_existing: Take the source's value where both have one.
        inplace: Change `target_dict` itself; else a copy.
        merge_lists: Where both have a list, append the source's items.
        unify_lists: The same, without items that are there already.

    Returns:
        What was filled.
    """
    filled = target_dict if inplace else deepcopy(target_dict)
    for key, theirs in source_dict.items():
        own = filled.get(key)
        if key not in filled:
            filled[key] = theirs
        elif isinstance(own, MutableMapping) and isinstance(theirs, MutableMapping):
            filled[key] = deep_fill_dict(
                own, theirs, overwrite_existing, inplace, merge_lists, unify_lists
            )
        elif isinstance(own, list) and isinstance(theirs, list) and (merge_lists or unify_lists):
            filled[key] = own + [item for item in theirs if not (unify_lists and item in own)]
        elif overwrite_existing:
            filled[key] = theirs
    return filled


def deep_remove_dict_on_equal(
    target_dict: M, remove_dict: MutableMapping[Any, Any], inplace: bool = True
) -> M:
    """Take out of a dictionary what it has in common with another, inside too.

    Args:
        target_dict: What is taken from; dictionaries in it stay, empty ones too.
        remove_dict: What is taken out, where the value is the same.
        inplace: Change `target_dict` itself; else a copy.

    Returns:
        What is left.
    """
    left = target_dict if inplace else deepcopy(target_dict)
    for key, unwanted in remove_dict.items():
        if key not in left:
            continue
        if isinstance(left[key], MutableMapping) and isinstance(unwanted, MutableMapping):
            left[key] = deep_remove_dict_on_equal(left[key], unwanted, inplace)
        elif left[key] == unwanted:
            del left[key]
    return left
