"""What plotting code may contain. What is not on the lists is refused, before anything runs.

The code may use `plt` and `np`, plain values, loops and comprehensions. It has no attribute that starts with
an underscore, no function or class of its own, no import but the two, and no name of a function that touches
files. This is the first of two walls; the other is the process (`worker.py`), which could not do harm either.
"""

from __future__ import annotations

import ast

from core.errors import VidenceError, invalid_input

MAX_CODE_CHARS = 20_000
_IMPORTS = {("matplotlib.pyplot", "plt"), ("numpy", "np")}
_DROPPED_CALLS = {"savefig", "show", "close"}
BUILTINS = frozenset(
    "range len enumerate zip sum max min round sorted reversed abs int float str list dict tuple".split()
)
_NODES = (
    ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.For, ast.If, ast.IfExp, ast.Pass, ast.Call, ast.keyword,
    ast.Attribute, ast.Name, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.Subscript, ast.Slice,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.ListComp, ast.GeneratorExp, ast.DictComp, ast.comprehension,
    ast.JoinedStr, ast.FormattedValue, ast.Starred, ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip
_PLT = frozenset(
    "subplots figure axes bar barh plot pie scatter fill_between stackplot step stem title suptitle xlabel ylabel"
    " xticks yticks xlim ylim legend grid text annotate axhline axvline tight_layout subplots_adjust gca gcf margins"
    " tick_params axis box get_cmap".split()
)
_NP = frozenset(
    "array arange linspace zeros ones full cumsum sum mean max min argmax argmin abs round sort sqrt log exp pi"
    " sin cos vstack hstack column_stack concatenate add subtract zeros_like ones_like maximum minimum".split()
)
_METHODS = _PLT - {"get_cmap", "subplots", "figure"} | frozenset(
    "set_title set_xlabel set_ylabel set_xticks set_yticks set_xticklabels set_yticklabels set_xlim set_ylim"
    " set_facecolor set_visible set_color set_linewidth set_alpha set_edgecolor set_axisbelow set_aspect"
    " set_position set_rotation set_fontsize set_size_inches set_label add_axes add_subplot bar_label invert_yaxis"
    " invert_xaxis spines patch xaxis yaxis twinx get_height get_width get_x get_y set_frame_on set_axis_off"
    " append extend index keys values items tolist sum max min mean cumsum tick_bottom tick_left tick_top"
    " tick_right set_label_position set_ticks_position set_theta_offset set_hatch patches lines"
    "  legend transFigure upper lower capitalize strip join".split()
)
_KEYWORDS_REFUSED = frozenset(
    "usetex fname fontproperties url gid agg_filter picker mouseover backend".split()
)


def check_code(code: str) -> str:
    """Return the code to run: checked, without its imports and without saving or showing.

    Raises:
        VidenceError: `blocked`, naming the line and what is not allowed there; `invalid_input` for code that
            is no Python or is too long.
    """
    if len(code) > MAX_CODE_CHARS:
        raise invalid_input(f"The code has over {MAX_CODE_CHARS} characters", help="Draw something simpler.")
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise invalid_input(f"The code is not Python: {error}", help="Ask for it again.") from error
    tree.body = [node for node in tree.body if not _is_allowed_import(node)]
    tree.body = [node for node in tree.body if not _saves_or_shows(node)]
    for node in ast.walk(tree):
        _check(node)
    return ast.unparse(tree)


def _is_allowed_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import) and all((a.name, a.asname) in _IMPORTS for a in node.names)


def _saves_or_shows(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Expr) else None
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.attr in _DROPPED_CALLS
    )


def _check(node: ast.AST) -> None:
    if not isinstance(node, _NODES):
        raise _refused(node, type(node).__name__)
    if isinstance(node, ast.Name):
        _check_name(node)
    elif isinstance(node, ast.Attribute):
        _check_attribute(node)
    elif isinstance(node, ast.keyword):
        if node.arg is None or node.arg in _KEYWORDS_REFUSED or node.arg.startswith("_"):
            raise _refused(node, f"the argument {node.arg or '**'}")
    elif isinstance(node, ast.Constant):
        plain = isinstance(node.value, str | int | float | bool | None)
        if not plain or node.value in _KEYWORDS_REFUSED:  # also as a key of prop={...}
            raise _refused(node, f"the value {node.value!r}")


def _check_name(node: ast.Name) -> None:
    stored = isinstance(node.ctx, ast.Store | ast.Del)
    if node.id.startswith("_") or (stored and node.id in ({"plt", "np"} | BUILTINS)):
        raise _refused(node, f"the name {node.id}")


def _check_attribute(node: ast.Attribute) -> None:
    if not isinstance(node.ctx, ast.Load):
        raise _refused(node, f"setting .{node.attr}")
    base = node.value.id if isinstance(node.value, ast.Name) else ""
    allowed = {"plt": _PLT, "np": _NP}.get(base, _METHODS)
    if node.attr not in allowed:
        raise _refused(node, f"{base or '...'}.{node.attr}")


def _refused(node: ast.AST, what: str) -> VidenceError:
    line = getattr(node, "lineno", 0)
    return VidenceError(
        "blocked",
        f"Line {line} of the plotting code uses {what}, which is not on the list",
        help="Plotting code may use plt and np, plain values and loops; see finetune/synth/sandbox/check.py.",
    )
