"""Every node that is a plain function: values in, the right ones out, errors as sentences."""

import math
from dataclasses import dataclass
from typing import Any

import pytest

from funcnodes.basic_nodes import NODE_SHELF, control
from funcnodes.core import Library, Node, NodeSpace
from funcnodes.errors import ExecutionError, NodeTriggerError


@dataclass
class Reading:
    """Something that a driver may hand on."""

    volts: float
    at: tuple[int, int]


class Sample:
    """An object with attributes of its own."""

    def __init__(self) -> None:
        self.mass = 1.5
        self._secret = 1

    def weigh(self) -> float:
        return self.mass


MATH: list[tuple[str, dict[str, Any], Any]] = [
    ("value_node", {"value": 3.5}, 3.5),
    ("add_node", {"a": 1, "b": 2}, 3),
    ("sub_node", {"a": 1, "b": 2}, -1),
    ("mul_node", {"a": 1.5, "b": 2}, 3),
    ("div_node", {"a": 1, "b": 4}, 0.25),
    ("floor_div_node", {"a": -7, "b": 2}, -4),
    ("mod_node", {"a": -7, "b": 3}, 2),
    ("power_node", {"a": 3}, 9),
    ("power_node", {"a": 2, "b": -1}, 0.5),
    ("pow_node", {"a": 2, "b": 10}, 1024),
    ("abs_node", {"a": -2}, 2),
    ("neg_node", {"a": 2}, -2),
    ("pos_node", {"a": -2}, -2),
    ("round_node", {"a": 2.5}, 2),
    ("round_node", {"a": 1234.5678, "ndigits": -2}, 1200),
    ("math.clamp", {"a": 7, "low": 0, "high": 5}, 5),
    ("math.scale", {"a": 2, "gain": 3, "offset": 1}, 7),
    ("math.map_range", {"a": 5, "from_high": 10, "to_low": -1, "to_high": 1}, 0),
    ("math.decibel", {"a": 100}, 20),
    ("greater_node", {"a": 1, "b": 0}, True),
    ("greater_equal_node", {"a": 1, "b": 1}, True),
    ("less_node", {"a": 1, "b": 1}, False),
    ("less_equal_node", {"a": 1, "b": 1}, True),
    ("equal_node", {"a": 1, "b": 1.0}, True),
    ("not_equal_node", {"a": 1, "b": 2}, True),
    ("logic.within", {"a": math.nan}, False),
    ("logic.within", {"a": 1.0}, True),
    ("logic.near", {"a": 0.1 + 0.2, "b": 0.3}, True),
    ("logic.same", {"a": "x", "b": "x"}, True),
    ("math.pi", {}, math.pi),
    ("math.e", {}, math.e),
    ("math.tau", {}, math.tau),
    ("math.inf", {}, math.inf),
    ("math.sin", {"a": math.pi / 6}, 0.5),
    ("math.cos", {"a": math.pi / 3}, 0.5),
    ("math.tan", {"a": math.pi / 4}, 1),
    ("math.asin", {"a": 1}, math.pi / 2),
    ("math.acos", {"a": 0}, math.pi / 2),
    ("math.atan", {"a": 1}, math.pi / 4),
    ("math.atan2", {"a": 1, "b": -1}, 3 * math.pi / 4),
    ("math.degrees", {"a": math.pi}, 180),
    ("math.radians", {"a": 180}, math.pi),
    ("math.sinh", {"a": 1}, 1.1752011936438014),
    ("math.cosh", {"a": 1}, 1.5430806348152437),
    ("math.tanh", {"a": 0.5}, 0.46211715726000975),
    ("math.asinh", {"a": 1.1752011936438014}, 1),
    ("math.acosh", {"a": 1.5430806348152437}, 1),
    ("math.atanh", {"a": 0.46211715726000975}, 0.5),
    ("math.exp", {"a": 1}, math.e),
    ("math.exp2", {"a": 10}, 1024),
    ("math.expm1", {"a": 1e-12}, 1.0000000000005e-12),
    ("math.log", {"a": math.e}, 1),
    ("math.log10", {"a": 0.001}, -3),
    ("math.log2", {"a": 8}, 3),
    ("math.log1p", {"a": 1e-12}, 9.999999999995e-13),
    ("math.sqrt", {"a": 2.25}, 1.5),
    ("math.cbrt", {"a": -27}, -3),
    ("math.pow", {"a": 4, "b": 0.5}, 2),
    ("math.hypot", {"a": 3, "b": 4}, 5),
    ("math.ldexp", {"a": 3, "b": 4}, 48),
    ("math.isqrt", {"a": 99}, 9),
    ("math.ceil", {"a": 1.2}, 2),
    ("math.floor", {"a": -1.2}, -2),
    ("math.trunc", {"a": -1.7}, -1),
    ("math.fabs", {"a": -3}, 3),
    ("math.modf", {"a": 2.25}, {"out": 0.25, "whole": 2}),
    ("math.fmod", {"a": -7, "b": 3}, -1),
    ("math.remainder", {"a": 5, "b": 3}, -1),
    ("math.copysign", {"a": 3, "b": -0.0}, -3),
    ("math.nextafter", {"a": 1, "b": 2}, 1 + 2**-52),
    ("math.isfinite", {"a": math.inf}, False),
    ("math.isinf", {"a": -math.inf}, True),
    ("math.isnan", {"a": math.nan}, True),
    ("math.isclose", {"a": 1, "b": 1 + 1e-12}, True),
    ("math.factorial", {"a": 5}, 120),
    ("math.gcd", {"a": 12, "b": 18}, 6),
    ("math.lcm", {"a": 4, "b": 6}, 12),
    ("math.comb", {"a": 5, "b": 2}, 10),
    ("math.perm", {"a": 5, "b": 2}, 20),
    ("math.erf", {"a": 0.5}, 0.5204998778130465),
    ("math.erfc", {"a": 0.5}, 0.4795001221869535),
    ("math.gamma", {"a": 5}, 24),
    ("math.lgamma", {"a": 5}, math.log(24)),
    ("math.fsum", {"a": [0.1] * 10}, 1.0),
    ("math.prod", {"a": [2, 3, 4]}, 24),
    ("math.dist", {"a": [0, 0], "b": [3, 4]}, 5),
    ("math.sumprod", {"a": [1, 2], "b": [3, 4]}, 11),
]
LOGIC: list[tuple[str, dict[str, Any], Any]] = [
    ("and_node", {"a": True, "b": False}, False),
    ("or_node", {"a": True, "b": False}, True),
    ("xor_node", {"a": True, "b": True}, False),
    ("not_node", {"a": True}, False),
    ("choose_node", {"condition": False, "yes": 1, "no": "n"}, "n"),
    ("logic.all", {"values": [1, True, 0]}, False),
    ("logic.any", {"values": [0, 1]}, True),
    ("logic.is_none", {"value": None}, True),
    ("input.number", {"value": 2}, 2),
    ("input.text", {"value": "x"}, "x"),
    ("input.switch", {"value": True}, True),
    ("input.any", {"input": "x"}, {"out": "x"}),
    ("input.str", {"input": "x"}, {"string": "x"}),
    ("input.int", {"input": 3}, {"integer": 3}),
    ("input.float", {"input": 3.5}, {"float": 3.5}),
    ("input.bool", {"input": True}, {"boolean": True}),
    ("input.json", {"input": '{"a": [1, null]}'}, {"json": {"a": [1, None]}}),
    ("input.json_dump", {"obj": {"b": 1, "a": {2, 1}}, "sort_keys": True},
     {"json": '{"a": [1, 2], "b": 1}'}),
]  # fmt: skip
TEXT: list[tuple[str, dict[str, Any], Any]] = [
    ("string.input", {"s": "x"}, {"string": "x"}),
    ("string.length", {"s": "µA"}, {"length": 2}),
    ("string.concat", {"s1": "a", "s2": "b"}, {"concatenated": "ab"}),
    ("string.split", {"s": " 1  2 "}, {"split": ["1", "2"]}),
    ("string.split", {"s": "1,,2", "delimiter": ","}, {"split": ["1", "", "2"]}),
    ("string.join", {"strings": ["a", 1, 2.5], "delimiter": ";"}, {"joined": "a;1;2.5"}),
    ("string.replace", {"s": "aXa", "old": "X", "new": "-"}, {"replaced": "a-a"}),
    ("string.strip", {"s": " x\n"}, {"stripped": "x"}),
    ("string.strip", {"s": "--x-", "chars": "-"}, {"stripped": "x"}),
    ("string.contains", {"s": "abc", "sub": "bc"}, {"contains": True}),
    ("string.index", {"s": "abcb", "sub": "b"}, {"index": 1}),
    ("string.rindex", {"s": "abcb", "sub": "b"}, {"index": 3}),
    ("string.slice", {"s": "abcd", "start": 1, "end": -1}, {"part": "bc"}),
    ("string.zfill", {"s": "-7", "width": 4}, {"zfilled": "-007"}),
    ("string.center", {"s": "x", "width": 3}, {"centered": " x "}),
    ("string.ljust", {"s": "x", "width": 3, "fillchar": "."}, {"left_justified": "x.."}),
    ("string.rjust", {"s": "x", "width": 3}, {"right_justified": "  x"}),
    ("string.format_map", {"s": "{v:.2f} {u}", "mapping": {"v": 1.239, "u": "V"}},
     {"formatted": "1.24 V"}),
    ("string.encode", {"s": "µ"}, {"encoded": b"\xc2\xb5"}),
    ("string.decode", {"b": b"\xb5", "encoding": "latin-1"}, {"decoded": "µ"}),
    ("string.to_number", {"s": " −1e-3 "}, {"number": -0.001}),
    ("string.of", {"value": [1]}, {"text": "[1]"}),
    ("string.quantity", {"value": 0.00223, "unit": "A"}, {"text": "2.23 mA"}),
    ("string.upper", {"s": "aB"}, {"upper": "AB"}),
    ("string.lower", {"s": "aB"}, {"lower": "ab"}),
    ("string.capitalize", {"s": "aB"}, {"capitalized": "Ab"}),
    ("string.title", {"s": "a b"}, {"titled": "A B"}),
    ("string.swapcase", {"s": "aB"}, {"swapped": "Ab"}),
    ("string.startswith", {"s": "abc", "prefix": "ab"}, {"starts_with": True}),
    ("string.endswith", {"s": "abc", "suffix": "ab"}, {"ends_with": False}),
    ("string.count", {"s": "abab", "sub": "ab"}, {"count": 2}),
    ("string.find", {"s": "abc", "sub": "x"}, {"index": -1}),
    ("string.rfind", {"s": "abab", "sub": "ab"}, {"index": 2}),
    ("string.isalnum", {"s": "a1"}, {"is_alphanumeric": True}),
    ("string.isalpha", {"s": "a1"}, {"is_alphabetical": False}),
    ("string.isdigit", {"s": "12"}, {"is_digit": True}),
    ("string.isdecimal", {"s": "1²"}, {"is_decimal": False}),
    ("string.isnumeric", {"s": "½"}, {"is_numeric": True}),
    ("string.islower", {"s": "ab"}, {"is_lowercase": True}),
    ("string.isupper", {"s": "ab"}, {"is_uppercase": False}),
    ("string.istitle", {"s": "A B"}, {"is_title": True}),
    ("string.isspace", {"s": " \t"}, {"is_space": True}),
    ("string.isprintable", {"s": "a\n"}, {"is_printable": False}),
    ("string.isidentifier", {"s": "v_1"}, {"is_identifier": True}),
    ("string.isascii", {"s": "µ"}, {"is_ascii": False}),
    ("re.match", {"pattern": r"(\d+)V", "string": "12V!"}, {"match": True, "groups": ["12"]}),
    ("re.fullmatch", {"pattern": r"\d+", "string": "12V"}, {"match": False, "groups": []}),
    ("re.search", {"pattern": r"(x)?(\d)", "string": "a7"}, {"match": True, "groups": ["", "7"]}),
    ("re.findall", {"pattern": r"(\d)(\w)", "string": "1a 2b"}, {"matches": [["1", "a"], ["2",
     "b"]]}),
    ("re.findall", {"pattern": r"\d", "string": "12"}, {"matches": [["1"], ["2"]]}),
    ("re.sub", {"pattern": r"(\d)", "repl": r"<\1>", "string": "a1"}, {"substituted": "a<1>"}),
    ("re.subn", {"pattern": "a", "repl": "", "string": "aab"}, {"substituted": "b", "count": 2}),
    ("re.escape", {"pattern": "1.5"}, {"escaped": r"1\.5"}),
    ("re.split", {"pattern": r"[;,]\s*", "string": "a, b;c"}, {"splitted": ["a", "b", "c"]}),
]  # fmt: skip
LISTS: list[tuple[str, dict[str, Any], Any]] = [
    ("to_list", {"obj": (1, 2)}, [1, 2]),
    ("to_list", {"obj": "ab"}, ["ab"]),
    ("list.of", {"a": 1, "b": "x", "length": 3}, [1, "x", None]),
    ("list.range", {"start": 1, "stop": 6, "step": 2}, [1, 3, 5]),
    ("list_length", {"lst": [1, 2]}, 2),
    ("list_get", {"lst": [1, 2]}, {"element": 2}),
    ("list_get", {"lst": [1, 2], "index": 0}, {"element": 1}),
    ("contains_node", {"collection": [1, "x"], "item": "x"}, True),
    ("contains_node", {"collection": {"k": 1}, "item": "k"}, True),
    ("contains_node", {"collection": "text", "item": "ex"}, True),
    ("list_append", {"lst": [1], "item": [2]}, [1, [2]]),
    ("list_extend", {"lst": [1], "items": [2, 3]}, [1, 2, 3]),
    ("list_insert", {"lst": [1, 3], "item": 2, "index": 1}, [1, 2, 3]),
    ("list_set", {"lst": [1, 2], "item": 9}, [1, 9]),
    ("list_pop", {"lst": [1, 2, 3], "index": 0}, {"new_list": [2, 3], "item": 1}),
    ("list_remove", {"lst": [1, 2, 1], "item": 1}, [2, 1]),
    ("list_remove", {"lst": [1, 2, 1], "item": 1, "all": True}, [2]),
    ("list_index", {"lst": ["a", "b"], "item": "b"}, 1),
    ("list_count", {"lst": [1, 2, 1], "item": 1}, 2),
    ("list_reverse", {"lst": [1, 2]}, [2, 1]),
    ("list_sort", {"lst": [2, 1, 3], "reverse": True}, [3, 2, 1]),
    ("list_slice", {"lst": [0, 1, 2, 3], "start": 1}, [1, 2, 3]),
    ("list_slice", {"lst": [0, 1, 2, 3], "start": 1, "end": -1}, [1, 2]),
    ("list_slice_step", {"lst": [0, 1, 2, 3], "start": 3, "step": -2}, [3, 1]),
    ("list_flatten", {"lst": [1, [2, [3]], (4,)]}, [1, 2, [3], 4]),
    ("list_unique", {"lst": [1, 2, 1]}, [1, 2]),
    ("list_unique", {"lst": [[1], [1], [2]]}, [[1], [2]]),
    ("list.zip", {"a": [1, 2], "b": ["x", "y"]}, [[1, "x"], [2, "y"]]),
    ("list.chunks", {"lst": [1, 2, 3], "size": 2}, [[1, 2], [3]]),
]
DICTIONARIES: list[tuple[str, dict[str, Any], Any]] = [
    ("dict_get", {"dictionary": {"a": 1}, "key": "a"}, {"value": 1}),
    ("dict_get", {"dictionary": {"a": 1}, "key": "b", "default": None}, {"value": None}),
    ("dict_keys", {"dictionary": {"a": 1, 2: 3}}, ["a", 2]),
    ("dict_values", {"dictionary": {"a": 1, 2: 3}}, [1, 3]),
    ("dict_items", {"dictionary": {"a": 1}}, [("a", 1)]),
    ("dict_to_lists", {"dictionary": {"a": 1}}, {"keys": ["a"], "values": [1]}),
    ("dict_from_items", {"items": [("a", 1), ["b", 2]]}, {"out": {"a": 1, "b": 2}}),
    ("dict_from_keys_values", {"keys": ["a"], "values": [1]}, {"out": {"a": 1}}),
    ("dict_set_key", {"dictionary": {"a": 1}, "key": "b", "value": 2}, {"out": {"a": 1, "b": 2}}),
    ("dict_set_default", {"dictionary": {"a": 1}, "key": "a", "value": 2}, {"out": {"a": 1}}),
    ("dict_set_default", {"dictionary": {}, "key": "a", "value": 2}, {"out": {"a": 2}}),
    ("dict_merge", {"a": {"x": 1}, "b": {"x": 2, "y": 3}}, {"out": {"x": 2, "y": 3}}),
    ("dict_merge", {"a": {"x": 1}, "b": {"x": 2}, "prefer": "a"}, {"out": {"x": 1}}),
    ("dict_select_keys", {"dictionary": {"a": 1, "b": 2}, "keys": ["b", "z"]}, {"out": {"b": 2}}),
    ("dict_rename_key", {"dictionary": {"a": 1, "b": 2}, "old_key": "a", "new_key": "c"},
     {"out": {"c": 1, "b": 2}}),
    ("dict_rename_key", {"dictionary": {"a": 1, "b": 2}, "old_key": "a", "new_key": "b",
                         "overwrite": True}, {"out": {"b": 1}}),
    ("dict_delete_key", {"dictionary": {"a": 1}, "key": "a"}, {"out": {}}),
    ("dict_pop", {"dictionary": {"a": 1, "b": 2}, "key": "a"}, {"new_dict": {"b": 2}, "value": 1}),
    ("dict_pop", {"dictionary": {}, "key": "a", "default": 0}, {"new_dict": {}, "value": 0}),
    ("dict_deep_get", {"obj": {"a": [{"b": 7}]}, "path": ["a", 0, "b"]}, 7),
    ("dict_deep_set", {"dictionary": {"a": {"b": 1}}, "path": ["a", "c", "d"], "value": 2},
     {"out": {"a": {"b": 1, "c": {"d": 2}}}}),
    ("dataclass.to_dict", {"instance": Reading(1.0, (1, 2))}, {"out": {"volts": 1.0, "at": (1,
     2)}}),
    ("dataclass.get_field", {"instance": Reading(1.0, (1, 2)), "field_name": "volts"}, 1.0),
    ("pyobject_get_attribute", {"obj": Sample(), "attribute": "mass"}, 1.5),
    ("pyobject_has_attribute", {"obj": Sample(), "attribute": "mass"}, True),
    ("pyobject_has_attribute", {"obj": Sample(), "attribute": "weigh"}, False),
    ("pyobject_set_attribute", {"obj": Reading(1.0, (1, 2)), "attribute": "volts", "value": 2.0},
     Reading(2.0, (1, 2))),
]  # fmt: skip
CASES = [*MATH, *LOGIC, *TEXT, *LISTS, *DICTIONARIES]

ERRORS: list[tuple[str, dict[str, Any], str]] = [
    ("div_node", {"a": 3, "b": 0}, "b is zero, and nothing can be divided by it."),
    ("mod_node", {"a": 3, "b": 0}, "b is zero, and nothing can be divided by it."),
    ("floor_div_node", {"a": 3, "b": 0}, "b is zero, and nothing can be divided by it."),
    ("add_node", {"a": "x", "b": 1}, "a is to be a number, not the text 'x'."),
    ("add_node", {"a": 1, "b": [1, 2]}, "b is to be a number, not a list of 2."),
    ("power_node", {"a": -2, "b": 0.5}, "Power is not possible with a = −2, b = 0.5: "),
    ("power_node", {"a": 1e200, "b": 2}, "the result is too large."),
    ("round_node", {"a": math.nan, "ndigits": 1.5}, "ndigits is to be a whole number, not 1.5."),
    ("math.clamp", {"a": 1, "low": 2, "high": 1},
     "low is to be at most high, but 2 is more than 1"),
    ("math.map_range", {"a": 1, "from_high": 0}, "from_low and from_high are both 0"),
    ("math.decibel", {"a": 0}, "a and reference are to be powers above zero"),
    ("greater_node", {"a": None}, "a is to be a number, not nothing."),
    ("math.sqrt", {"a": -4}, "Square root is not possible with a = −4: "),
    ("math.log", {"a": 0}, "Natural logarithm is not possible with a = 0: "),
    ("math.acos", {"a": 2}, "Arccosine is not possible with a = 2: "),
    ("math.exp", {"a": 1e4},
     "Exponential is not possible with a = 10000: the result is too large."),
    ("math.factorial", {"a": -1}, "a is to be a whole number from 0 to 5000 for a factorial"),
    ("math.factorial", {"a": 10**9}, "from 0 to 5000 for a factorial, not 1000000000."),
    ("math.isqrt", {"a": -1}, "a is to be zero or more for a square root, not −1."),
    ("math.trunc", {"a": math.inf}, "the result is too large"),
    ("math.gcd", {"a": 1.5, "b": 2}, "a is to be a whole number, not 1.5."),
    ("math.fsum", {"a": 5}, "a is to be a list, not 5."),
    ("math.dist", {"a": [1], "b": [1, 2]}, "have 1 and 2."),
    ("and_node", {"a": "maybe", "b": True}, "a is to be on or off, not the text 'maybe'."),
    ("and_node", {"a": 2, "b": True}, "a is to be on or off, not 2."),
    ("input.json", {"input": "{1}"}, "input is not JSON: "),
    ("input.json_dump", {"obj": object()}, "JSON has no word for a value of type object."),
    ("string.upper", {"s": 5}, "s is to be text, not 5."),
    ("string.index", {"s": "abc", "sub": "z"}, "'z' does not occur in the text 'abc'."),
    ("string.center", {"s": "x", "width": 3, "fillchar": "ab"}, "fillchar is to be one character"),
    ("string.to_number", {"s": "five"}, "s is to be a number, not the text 'five'."),
    ("string.format_map", {"s": "{x}", "mapping": {}}, "mapping has no 'x', which s asks for."),
    ("string.format_map", {"s": "{x.real}", "mapping": {"x": 1}}, "which is no plain name."),
    ("string.format_map", {"s": "{x:99999999d}", "mapping": {"x": 1}}, "which is too wide."),
    ("string.encode", {"s": "µ", "encoding": "ascii", "errors": "strict"},
     "Encode is not possible"),
    ("re.search", {"pattern": "(", "string": "x"}, "pattern is not a pattern: "),
    ("list_get", {"lst": []}, "lst is empty: there is none at position −1."),
    ("list_get", {"lst": [1], "index": 3}, "lst has 1 items: there is none at position 3."),
    ("list_pop", {"lst": []}, "lst is empty"),
    ("list_length", {"lst": "abc"}, "lst is to be a list, not the text 'abc'."),
    ("list_index", {"lst": [1], "item": 2}, "lst does not contain 2."),
    ("list_sort", {"lst": [1, "a"]}, "Sort list is not possible with lst = a list of 2"),
    ("list_slice_step", {"lst": [1], "step": 0}, "step is zero"),
    ("list.range", {"step": 0}, "step is zero"),
    ("list.range", {"stop": 10**12}, "There would be more than 5000000 numbers."),
    ("list.zip", {"a": [1], "b": []}, "have 1 and 0."),
    ("contains_node", {"collection": "abc", "item": 1}, "item is to be text where collection is"),
    ("contains_node", {"collection": 5, "item": 1}, "Contains is not possible"),
    ("dict_get", {"dictionary": {"a": 1}, "key": "b"}, "dictionary has no key 'b'; it has 'a'."),
    ("dict_keys", {"dictionary": [1]}, "dictionary is to be a dictionary, not a list of 1."),
    ("dict_from_items", {"items": [1]}, "items is to hold pairs, not 1."),
    ("dict_from_keys_values", {"keys": [1], "values": []}, "There are 1 keys, but 0 values."),
    ("dict_rename_key", {"dictionary": {"a": 1, "b": 1}, "old_key": "a", "new_key": "b"},
     "dictionary already has a key 'b'."),
    ("dict_select_keys", {"dictionary": {}, "keys": ["a"], "ignore_missing": False}, "no key 'a'"),
    ("dict_deep_get", {"obj": {"a": {}}, "path": ["a", "b"]}, "'a' has no 'b'."),
    ("dict_deep_set", {"dictionary": {"a": 1}, "path": ["a", "b"], "value": 1}, "'a' is no dict"),
    ("dict_deep_set", {"dictionary": {}, "path": [], "value": 1}, "path is empty"),
    ("dataclass.to_dict", {"instance": 5}, "instance is to be a dataclass object, not 5."),
    ("dataclass.get_field", {"instance": Reading(1, (0, 0)), "field_name": "amps"},
     "instance has no field 'amps'; it has volts, at."),
    ("pyobject_get_attribute", {"obj": Sample(), "attribute": "_secret"}, "not a public attribute"),
    ("pyobject_get_attribute", {"obj": Sample(), "attribute": "weigh"}, "no attribute 'weigh'"),
    ("pyobject_get_attribute", {"obj": Sample, "attribute": "weigh"}, "an object with data"),
    ("pyobject_set_attribute", {"obj": Sample(), "attribute": "weigh", "value": 1}, "is a method"),
]  # fmt: skip


def make(node_id: str) -> Node:
    return LIBRARY.find_nodeclass(node_id)()


LIBRARY = Library(NODE_SHELF)


async def run(node_id: str, values: dict[str, Any]) -> Node:
    """A node executed once, with values that wires could bring: unchecked."""
    node = make(node_id)
    for port, value in values.items():
        node.inputs[port].restore(value)
    await node
    return node


def results(node: Node) -> dict[str, Any]:
    return {port.id: port.value for port in node.outputs.values() if port.id != "_triggeroutput"}


@pytest.mark.parametrize(("node_id", "values", "expected"), CASES)
async def test_a_node_computes(node_id: str, values: dict[str, Any], expected: Any) -> None:
    found = results(await run(node_id, values))
    wanted = expected if isinstance(expected, dict) else {next(iter(found)): expected}
    assert set(found) == set(wanted)
    for port, value in wanted.items():
        if isinstance(value, float | int) and not isinstance(value, bool):
            assert found[port] == pytest.approx(value, rel=1e-12)
        else:
            assert found[port] == value
            assert type(found[port]) is type(value)


@pytest.mark.parametrize(("node_id", "values", "sentence"), ERRORS)
async def test_a_node_says_in_a_sentence_what_is_wrong(
    node_id: str, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(NodeTriggerError) as caught:
        await run(node_id, values)
    cause = caught.value.__cause__
    assert isinstance(cause, ExecutionError), cause
    assert sentence in cause.message
    assert cause.message.endswith(".")


async def test_nan_is_a_number_that_equals_nothing() -> None:
    node = await run("math.nan", {})
    assert math.isnan(node.outputs["out"].value)


@pytest.mark.parametrize(
    ("node_id", "port", "given"),
    [
        ("list_set", "lst", [1, 2]), ("list_pop", "lst", [1, 2]), ("list_remove", "lst", [2, 1]),
        ("list_sort", "lst", [2, 1]), ("dict_pop", "dictionary", {"a": 1}),
        ("dict_deep_set", "dictionary", {"a": {"b": 1}}),
    ],
)  # fmt: skip
async def test_what_comes_in_is_not_changed(node_id: str, port: str, given: Any) -> None:
    before = repr(given)
    others = {"item": 2, "index": 0, "key": "a", "path": ["a", "b"], "value": 9}
    node = make(node_id)
    await run(node_id, {port: given} | {k: v for k, v in others.items() if k in node.inputs})
    assert repr(given) == before


async def test_deleting_an_attribute_leaves_the_original_whole() -> None:
    sample = Sample()
    node = await run("pyobject_delete_attribute", {"obj": sample, "attribute": "mass"})
    assert not hasattr(node.outputs["out"].value, "mass")
    assert sample.mass == 1.5


async def test_angles_convert_on_the_wire() -> None:
    """A wire from degrees into a sine means degrees."""
    space = NodeSpace(LIBRARY)
    turn, back = space.add_node_by_id("math.degrees"), space.add_node_by_id("math.sin")
    turn.outputs["out"].connect(back.inputs["a"])
    turn.inputs["a"].set_value(math.pi / 6)
    await turn
    assert turn.outputs["out"].value == pytest.approx(30)
    assert back.outputs["out"].value == pytest.approx(0.5)
    back.inputs["a"].disconnect()
    back.inputs["a"].set_value("90 deg")
    await back
    assert back.outputs["out"].value == pytest.approx(1)


PLAIN_SHELVES = {"Inputs", "Math", "Logic", "Text", "Lists", "Dictionaries"}
PROVEN_BY_THEMSELVES = {
    "math.nan", "pyobject_delete_attribute", "math.expression",
    "math.uncertain", "math.uncertainty",
}  # fmt: skip


def test_every_plain_node_is_proven_here() -> None:
    known = {node_id for node_id, _, _ in CASES} | PROVEN_BY_THEMSELVES
    every = {c.node_id for path, c in NODE_SHELF.walk() if path[0] in PLAIN_SHELVES}
    assert every - known == set()


def test_every_node_can_be_found_and_understood() -> None:
    """A name of its own on its shelf, words to read, ids that occur once."""
    seen: dict[str, type[Node]] = {}
    for path, nodeclass in NODE_SHELF.walk():
        assert path, nodeclass
        assert nodeclass.node_id not in seen, nodeclass.node_id
        seen[nodeclass.node_id] = nodeclass
        assert nodeclass.node_name, nodeclass.node_id
        assert nodeclass.description.rstrip().endswith("."), nodeclass.node_id
        node = nodeclass()
        assert not node.inputs.keys() & node.outputs.keys(), nodeclass.node_id
    names = [(nodeclass.node_name) for nodeclass in seen.values()]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_control_flow_is_on_its_shelf() -> None:
    assert {c.node_id for _, c in control.NODE_SHELF.walk()} >= {
        "if_node", "while_node", "for_node", "wait_node", "collector_node",
    }  # fmt: skip
