"""Files saved by 2.x name these nodes and ports: they are all here, so that such files load."""

import re
from typing import Any

import pytest

from funcnodes.basic_nodes import NODE_SHELF
from funcnodes.core import Library, NodeSpace

KNOWN = """
dataclass.to_dict(instance) out
dataclass.get_field(instance, field_name) out
dict_get(dictionary, key) value
dict_keys(dictionary) out
dict_values(dictionary) out
dict_items(dictionary) out
dict_from_items(items) out
dict_from_keys_values(keys, values) out
dict_to_lists(dictionary) keys, values
dict_set_default(dictionary, key, value) out
dict_set_key(dictionary, key, value) out
dict_merge(a, b, prefer) out
dict_select_keys(dictionary, keys, ignore_missing) out
dict_rename_key(dictionary, old_key, new_key, overwrite) out
dict_delete_key(dictionary, key, ignore_missing) out
dict_pop(dictionary, key, default) new_dict, value
dict_deep_get(obj, path) out
dict_deep_set(dictionary, path, value, create_missing) out
input.any(input) out
input.json(input) json
input.json_dump(obj, indent, sort_keys) json
input.str(input) string
input.int(input) integer
input.float(input) float
input.bool(input) boolean
contains_node(collection, item) out
list_get(lst, index) element
to_list(obj) out
list_length(lst) out
list_append(lst, item) out
list_extend(lst, items) out
list_pop(lst, index) new_list, item
list_remove(lst, item, all) out
list_index(lst, item) out
list_reverse(lst) out
list_sort(lst, reverse) out
list_count(lst, item) out
list_insert(lst, item, index) out
list_set(lst, item, index) out
list_slice(lst, start, end) out
list_slice_step(lst, start, end, step) out
list_flatten(lst) out
list_unique(lst) out
if_node(condition, input) on_true, on_false
while_node(condition, input) do, done
wait_node(delay, input) output
for_node(input, collector) do, done
collector_node(reset, input) output
value_node(value) out
add_node(a, b) out
sub_node(a, b) out
mul_node(a, b) out
div_node(a, b) out
mod_node(a, b) out
pow_node(a, b) out
floor_div_node(a, b) out
abs_node(a) out
neg_node(a) out
pos_node(a) out
round_node(a, ndigits) out
greater_node(a, b) out
greater_equal_node(a, b) out
less_node(a, b) out
less_equal_node(a, b) out
equal_node(a, b) out
not_equal_node(a, b) out
and_node(a, b) out
or_node(a, b) out
xor_node(a, b) out
not_node(a) out
math.pi() out
math.e() out
math.tau() out
math.inf() out
math.nan() out
math.acos(a) out
math.acosh(a) out
math.asin(a) out
math.asinh(a) out
math.atan(a) out
math.atanh(a) out
math.ceil(a) out
math.cos(a) out
math.cosh(a) out
math.degrees(a) out
math.erf(a) out
math.erfc(a) out
math.exp(a) out
math.expm1(a) out
math.fabs(a) out
math.floor(a) out
math.gamma(a) out
math.lgamma(a) out
math.log(a) out
math.log10(a) out
math.log1p(a) out
math.log2(a) out
math.modf(a) out
math.radians(a) out
math.sin(a) out
math.sinh(a) out
math.sqrt(a) out
math.tan(a) out
math.tanh(a) out
math.isfinite(a) out
math.isinf(a) out
math.isnan(a) out
math.trunc(a) out
math.atan2(a, b) out
math.copysign(a, b) out
math.fmod(a, b) out
math.hypot(a, b) out
math.pow(a, b) out
math.remainder(a, b) out
math.isclose(a, b) out
math.factorial(a) out
math.gcd(a, b) out
math.ldexp(a, b) out
math.fsum(a) out
math.exp2(a) out
math.cbrt(a) out
math.nextafter(a, b) out
math.isqrt(a) out
math.comb(a, b) out
math.perm(a, b) out
math.lcm(a, b) out
math.prod(a) out
math.dist(a, b) out
math.sumprod(a, b) out
pyobject_get_attribute(obj, attribute) out
pyobject_has_attribute(obj, attribute) out
pyobject_set_attribute(obj, attribute, value) out
pyobject_delete_attribute(obj, attribute) out
string.length(s) length
string.concat(s1, s2) concatenated
string.split(s, delimiter) split
string.join(strings, delimiter) joined
string.upper(s) upper
string.lower(s) lower
string.replace(s, old, new) replaced
string.strip(s, chars) stripped
string.startswith(s, prefix) starts_with
string.endswith(s, suffix) ends_with
string.contains(s, sub) contains
string.format_map(s, mapping) formatted
string.capitalize(s) capitalized
string.title(s) titled
string.swapcase(s) swapped
string.zfill(s, width) zfilled
string.center(s, width, fillchar) centered
string.ljust(s, width, fillchar) left_justified
string.rjust(s, width, fillchar) right_justified
string.count(s, sub) count
string.find(s, sub) index
string.rfind(s, sub) index
string.index(s, sub) index
string.rindex(s, sub) index
string.isalnum(s) is_alphanumeric
string.isalpha(s) is_alphabetical
string.isdigit(s) is_digit
string.islower(s) is_lowercase
string.isupper(s) is_uppercase
string.isspace(s) is_space
string.istitle(s) is_title
string.isprintable(s) is_printable
string.isidentifier(s) is_identifier
string.isdecimal(s) is_decimal
string.isnumeric(s) is_numeric
string.isascii(s) is_ascii
string.encode(s, encoding, errors) encoded
string.decode(b, encoding, errors) decoded
re.match(pattern, string) match, groups
re.fullmatch(pattern, string) match, groups
re.search(pattern, string) match, groups
re.findall(pattern, string) matches
re.sub(pattern, repl, string) substituted
re.subn(pattern, repl, string) substituted, count
re.escape(pattern) escaped
re.split(pattern, string) splitted
string.input(s) string
"""
LIBRARY = Library(NODE_SHELF)


@pytest.mark.parametrize("line", KNOWN.split("\n")[1:-1])
def test_a_node_of_older_files_has_its_id_and_ports(line: str) -> None:
    found = re.fullmatch(r"(.+)\((.*)\) (.+)", line)
    assert found is not None
    node = LIBRARY.find_nodeclass(found[1])()
    assert set(filter(None, found[2].split(", "))) <= set(node.inputs)
    assert set(found[3].split(", ")) <= set(node.outputs)


async def test_a_graph_of_an_older_file_loads_and_runs() -> None:
    """Words in a text, each put into capitals by a loop, joined again."""

    def node(uuid: str, node_id: str, **values: Any) -> dict[str, Any]:
        io = {port: {"is_input": True, "value": value} for port, value in values.items()}
        return {"name": uuid, "id": uuid, "node_id": node_id, "node_name": node_id, "io": io}

    space = NodeSpace(LIBRARY)
    space.deserialize(
        {
            "nodes": [
                node("in", "input.str", input="volts and amperes"),
                node("split", "string.split"),
                node("loop", "for_node"),
                node("upper", "string.upper"),
                node("join", "string.join", delimiter="-"),
            ],
            "edges": [
                ["in", "string", "split", "s"],
                ["split", "split", "loop", "input"],
                ["loop", "do", "upper", "s"],
                ["upper", "upper", "loop", "collector"],
                ["loop", "done", "join", "strings"],
            ],
            "prop": {},
            "groups": {},
        }
    )
    space.arming = "live"
    await space.get_node_by_id("in")
    await space.await_done()
    assert space.get_node_by_id("join").outputs["joined"].value == "VOLTS-AND-AMPERES"
    await space.aclose()
