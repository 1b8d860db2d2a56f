"""How questions about charts are asked. `{noun}`, `{colour}` and the like are filled in."""

from __future__ import annotations

PLACES = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
HIGH = {"bar": ("tallest", "highest", "largest"), "barh": ("longest", "largest"), "slice": ("largest", "biggest"), "line": ("highest",), "area": ("highest",)}  # fmt: skip
LOW = {"bar": ("shortest", "lowest", "smallest"), "barh": ("shortest", "smallest"), "slice": ("smallest",), "line": ("lowest",), "area": ("lowest",)}  # fmt: skip
MORE = {"bar": ("taller", "higher", "larger"), "barh": ("longer", "larger"), "slice": ("larger", "bigger")}
LESS = {"bar": ("shorter", "lower", "smaller"), "barh": ("shorter", "smaller"), "slice": ("smaller",)}

PHRASES: dict[str, tuple[str, ...]] = {
    "chart_type": (
        "What type of chart is this?", "What kind of chart is this?", "What kind of chart is shown?",
        "Which type of chart is used here?", "What type of graph is this?", "Which chart type is this?",
        "What sort of plot is shown in the image?", "Name the type of this chart.", "How is the data drawn?",
        "What is the chart type?",
    ),
    "orientation": (
        "Are the bars vertical or horizontal?", "Do the bars run vertically or horizontally?",
        "Is this a vertical or a horizontal bar chart?", "Are the bars horizontal or vertical?",
    ),
    "arrangement": (
        "Are the bars grouped or stacked?", "Is this a grouped or a stacked bar chart?",
        "Are the bars stacked or side by side in groups?", "Are these stacked or grouped bars?",
    ),
    "count": (
        "How many {noun}s are there?", "How many {noun}s does the chart have?", "How many {noun}s are shown?",
        "What is the number of {noun}s?", "Count the {noun}s.", "How many {noun}s can you see?", "How many {noun}s are in the chart?",
    ),
    "count_colours": (
        "How many colo{u}rs do the bars have?", "How many different colo{u}rs are the bars?", "How many series are shown?",
        "How many colo{u}rs are used for the bars?",
    ),
    "count_groups": ("How many groups of bars are there?", "How many groups of bars are shown?", "Count the groups of bars."),
    "place": (
        "Counting from the {side}, which {noun} is the {extreme}?", "Which {noun} from the {side} is the {extreme}?",
        "Which {noun} is the {extreme}, counted from the {side}?", "What is the position of the {extreme} {noun} from the {side}?",
        "The {extreme} {noun} is at which position from the {side}?", "Which {noun} is {extreme} by position from the {side}?",
    ),
    "point_place": (
        "Counting from the left, which point of the line is the {extreme}?", "Which point from the left is the {extreme}?",
        "At which point from the left is the line {extreme}?", "What is the position of the line's {extreme} point from the left?",
    ),
    "colour_extreme": (
        "What colo{u}r is the {extreme} {noun}?", "Which colo{u}r is the {extreme} {noun}?",
        "What is the colo{u}r of the {extreme} {noun}?", "The {extreme} {noun} has which colo{u}r?",
        "Which colo{u}r has the {extreme} {noun}?", "Tell the colo{u}r of the {extreme} {noun}.",
    ),
    "line_end": (
        "What colo{u}r is the line that ends {extreme}?", "Which colo{u}r is the {extreme} line at the right end?",
        "At the right end, which colo{u}r is the {extreme} line?",
    ),
    "which_label": (
        "Which {x} has the {extreme} {noun}?", "What is the {x} with the {extreme} {noun}?", "Name the {x} with the {extreme} {noun}.",
    ),
    "trend": (
        "What is the trend of the {thing}: up, down, flat or mixed?", "Does the {thing} go up, down, stay flat, or is it mixed?",
        "What trend does the {thing} show?", "How does the {thing} run from left to right?", "What is the overall trend of the {thing}?",
        "Is the trend of the {thing} up, down, flat or mixed?", "Describe the trend of the {thing} in one word.",
    ),
    "trend_points": (
        "Do the points go up, go down, or show no trend?", "What trend do the points show: up, down or none?",
        "Is the trend of the points up, down or none?", "What is the trend of the points?",
    ),
    "compare": (
        "Is the {first} {noun} {more} than the {second} {noun}?", "Is the {first} {noun} {more} than the {second} one?",
        "Compare the {first} and the {second} {noun}: is the {first} one {more}?",
    ),
    "choose": (
        "Which {noun} is {more}, the {first} one or the {second} one?", "Which is {more}: the {first} {noun} or the {second} {noun}?",
        "Of the {first} and the {second} {noun}, which is {more}?",
    ),
    "is_extreme": ("Is the {first} {noun} the {extreme}?", "Is the {first} {noun} the {extreme} of all?", "Is the {extreme} {noun} the {first} one?"),
    "colour_at": ("What colo{u}r is the {place} {noun}?", "Which colo{u}r is the {place} {noun}?", "What is the colo{u}r of the {place} {noun}?"),
    "colour_all": ("What colo{u}r are the {noun}s?", "Which colo{u}r are the {noun}s?", "What is the colo{u}r of the {noun}s?"),
    "colour_one": ("What colo{u}r is the {noun}?", "Which colo{u}r is the {noun}?"),
    "colour_present": ("Is there a {colour} {noun}?", "Is one of the {noun}s {colour}?", "Does the chart have a {colour} {noun}?"),
    "legend_colour": ("Which colo{u}r stands for {name}?", "What colo{u}r is {name} in the legend?", "What colo{u}r is used for {name}?"),
    "value": ("What is the value of {name}?", "What value does {name} have?", "How much is {name}?"),
    "title": ("What is the title of the chart?", "What is the chart's title?", "Which title does the chart have?"),
}  # fmt: skip


def ordinal(place: int, side: str) -> tuple[str, ...]:
    """Return the accepted names of a place counted from a side, from 0."""
    word = PLACES[place]
    ends = {1: "st", 2: "nd", 3: "rd"}
    digits = f"{place + 1}{ends.get(place + 1, 'th')}"
    most = ({"left": "leftmost", "top": "top"}[side],) if place == 0 else ()
    return (word, digits, str(place + 1), f"{word} from the {side}", *most)
