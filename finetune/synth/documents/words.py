"""Words of made-up documents. Training, dev and test have different ones, and different looks."""

from __future__ import annotations

from core.contracts import Contract
from finetune.data.rows import Split


class Look(Contract):
    """How a document is set. Colours as `#rrggbb`."""

    name: str
    font: str
    paper: str = "#ffffff"
    ink: str = "#111111"
    rule: str = "#888888"
    band: str = "#eeeeee"
    lines: str = "all"


LOOKS: dict[Split, tuple[Look, ...]] = {
    "train": (
        Look(name="sans", font="DejaVu Sans"),
        Look(name="sans-tint", font="DejaVu Sans", paper="#fbfaf5", ink="#222222", lines="rows"),
        Look(name="mono", font="DejaVu Sans Mono", lines="head"),
        Look(name="mono-gray", font="DejaVu Sans Mono", paper="#f2f2f2", ink="#333333", lines="none"),
        Look(name="times", font="STIXGeneral", lines="rows"),
    ),
    "dev": (Look(name="dev-serif", font="DejaVu Serif", paper="#fffdf7", lines="rows", band="#e9efe6"),),
    "test": (
        Look(name="test-serif", font="DejaVu Serif", ink="#0c1b33", rule="#5577aa", band="#e3ebf7"),
        Look(
            name="test-serif-cream",
            font="DejaVu Serif",
            paper="#fdf3e1",
            ink="#3a2a1a",
            lines="head",
            band="#f2e2c4",
        ),
        Look(name="test-mono-blue", font="DejaVu Sans Mono", paper="#eef4ff", ink="#12305a", lines="none"),
    ),
}
COMPANIES: dict[Split, str] = {
    "train": "Green Leaf Market|Corner Bakery|Sunrise Hardware|Blue Door Cafe|Old Mill Books|Harbor Fish|City Pharmacy|North Star Grocery|Maple Toys|Lucky Noodle House",
    "dev": "Silver Pine Deli|Quick Fix Tools|Orchid Flowers",
    "test": "Ruby Tea Room|Granite Sports|Hilltop Stationery|Amber Kitchen|Coral Bay Foods|Juniper Crafts",
}
STREETS: dict[Split, str] = {
    "train": "Main Street|Oak Avenue|River Road|Church Lane|Station Road|Park Drive|Mill Street|High Street",
    "dev": "Elm Row|Castle Hill",
    "test": "Lighthouse Way|Windmill Close|Abbey Square|Foundry Street",
}
TOWNS: dict[Split, str] = {
    "train": "Arden|Brill|Colm|Derry|Elgin|Fenby|Gorse|Hythe",
    "dev": "Karst|Lomond",
    "test": "Wexley|Torrin|Ulmford|Varnham",
}
GOODS: dict[Split, str] = {
    "train": "Apples|Bread|Milk|Eggs|Butter|Coffee|Tea|Rice|Soap|Candles|Pencils|Cheese|Honey|Pasta|Salt|Sugar|Flour|Onions|Yogurt|Batteries",
    "dev": "Cocoa|Raisins|Sponges|Matches|Twine|Lentils",
    "test": "Walnuts|Olives|Mustard|Vinegar|Notebook|Stapler|Lantern|Gloves|Cumin|Oats|Ginger|Ribbon",
}
PEOPLE: dict[Split, str] = {
    "train": "Ann Baker|Ben Carter|Cleo Dunn|Dan Evans|Eva Frost|Finn Gray|Gwen Hall|Hugh Irwin|Ida Jones|Karl Lane",
    "dev": "Mara Nolan|Otto Page",
    "test": "Petra Quinn|Rhys Stone|Tara Usher|Vince Wren",
}
SUBJECTS: dict[Split, str] = {
    "train": "Water Supply|Road Repair|Library Services|School Meals|Street Lighting|Bus Timetable|Park Benches|Waste Collection",
    "dev": "Harbour Dredging|Museum Opening",
    "test": "Tram Extension|Flood Barrier|Night Market|Bridge Inspection",
}
HEADINGS: dict[Split, str] = {
    "train": "Introduction|Background|Method|Results|Costs|Schedule|Summary|Next Steps|Staff|Risks",
    "dev": "Scope|Findings|Review",
    "test": "Overview|Evidence|Budget|Outlook|Decision",
}


def listed(words: dict[Split, str], split: Split) -> list[str]:
    """Return the words of a split."""
    return words[split].split("|")
