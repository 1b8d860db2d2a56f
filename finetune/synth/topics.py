"""What made-up tables are about. Words of training, dev and test are different words."""

from __future__ import annotations

from core.contracts import Contract
from finetune.data.rows import Split


class Topic(Contract):
    """A subject: titles, the names of its rows, the names of its series, and what is measured."""

    titles: tuple[str, ...]
    categories: tuple[str, ...]
    series: tuple[str, ...]
    x: str
    y: str
    low: float
    high: float
    decimals: int = 0
    time: bool = False


def _topic(
    titles: str,
    x: str,
    categories: str,
    y: str,
    series: str,
    low: float,
    high: float,
    decimals: int = 0,
    time: bool = False,
) -> Topic:
    split = [tuple(part.strip() for part in text.split("|")) for text in (titles, categories, series)]
    return Topic(
        titles=split[0],
        x=x,
        categories=split[1],
        y=y,
        series=split[2],
        low=low,
        high=high,
        decimals=decimals,
        time=time,
    )


_TRAIN = (
    _topic("Fruit sold|Fruit sales by kind|Weekly fruit sales", "Fruit", "Apple|Pear|Plum|Fig|Mango|Kiwi|Melon|Grape|Lemon|Peach", "Boxes", "Shop A|Shop B|Shop C|Shop D|Market", 5, 120),
    _topic("Visitors by town|Guests a year|Tourists", "Town", "Arden|Brill|Colm|Derry|Elgin|Fenby|Gorse|Hythe|Ilkley|Jarrow", "Visitors", "Spring|Summer|Autumn|Winter", 100, 9000),
    _topic("Rainfall|Rain in each month|Monthly rain", "Month", "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec", "mm", "North|South|East|West|Coast", 5, 180, 0, True),
    _topic("Revenue|Revenue by quarter|Income of the firm", "Quarter", "Q1|Q2|Q3|Q4|Q5|Q6|Q7|Q8", "Million", "Retail|Online|Export|Service|Rent", 2, 60, 1, True),
    _topic("Goals of the season|Goals scored|Team goals", "Team", "Lions|Bears|Hawks|Wolves|Sharks|Eagles|Foxes|Bulls|Ravens", "Goals", "Home|Away|Cup|League", 4, 80),
    _topic("Students by subject|Course enrolment|Class sizes", "Subject", "Maths|Art|Music|Physics|History|Biology|Drama|Latin|Chess", "Students", "2019|2020|2021|2022|2023", 8, 140),
    _topic("Energy by source|Power generated|Electricity mix", "Source", "Wind|Solar|Coal|Gas|Hydro|Nuclear|Oil|Biomass|Tide", "GWh", "Plant 1|Plant 2|Plant 3|Plant 4", 10, 900),
    _topic("Population|People living there|Inhabitants", "Year", "2010|2011|2012|2013|2014|2015|2016|2017|2018|2019", "Thousand", "Norway|Chile|Kenya|Japan|Peru", 40, 900, 0, True),
    _topic("Books lent|Library loans|Loans by genre", "Genre", "Crime|Poetry|Travel|Science|Fantasy|Cooking|Comics|Essays", "Loans", "Children|Adults|Seniors|Staff", 20, 700),
    _topic("Votes by party|Election result|Ballots", "Party", "Union|Reform|Labour|Civic|Liberal|Centre|People|Future", "Votes (%)", "City|Suburb|Village|Abroad", 2, 45, 1),
    _topic("Cars built|Vehicle output|Factory output", "Model", "Nova|Atlas|Comet|Delta|Terra|Vega|Orbit|Zephyr", "Units", "Line 1|Line 2|Line 3|Night shift", 50, 4000),
    _topic("Test score|Mean score of classes|Exam results", "Class", "1A|1B|2A|2B|3A|3B|4A|4B|5A", "Score", "Boys|Girls|Last year|This year", 20, 100),
    _topic("Hours of sleep|Sleep by weekday|Rest", "Day", "Mon|Tue|Wed|Thu|Fri|Sat|Sun", "Hours", "Ann|Ben|Cleo|Dan|Eva", 3, 11, 1, True),
    _topic("Web traffic|Site visits|Page views", "Week", "W1|W2|W3|W4|W5|W6|W7|W8|W9|W10", "Views", "Blog|Store|Forum|News|Help", 200, 20000, 0, True),
    _topic("Animals at the zoo|Zoo census|Animals counted", "Animal", "Lion|Zebra|Otter|Panda|Tiger|Camel|Koala|Hippo|Lemur", "Number", "Males|Females|Young|Old", 3, 60),
    _topic("Price of metals|Metal prices|Cost by metal", "Metal", "Iron|Zinc|Tin|Nickel|Lead|Cobalt|Copper|Silver", "Price", "London|Tokyo|New York|Mumbai", 20, 400),
    _topic("Budget|Spending by department|Annual budget", "Department", "Sales|IT|Legal|HR|Design|Support|Labs|Office", "Thousand", "Plan|Actual|Forecast|Last year", 15, 600),
    _topic("Temperature|Mean temperature|Daily heat", "Hour", "0h|2h|4h|6h|8h|10h|12h|14h|16h|18h", "Degrees", "Indoor|Outdoor|Cellar|Attic", 2, 38, 1, True),
    _topic("Favourite drinks|Drinks ordered|Bar orders", "Drink", "Tea|Coffee|Water|Juice|Milk|Cola|Cocoa|Soda", "Orders", "Morning|Noon|Evening|Night", 5, 300),
    _topic("Hospital beds|Patients by ward|Ward use", "Ward", "Ward 1|Ward 2|Ward 3|Ward 4|Ward 5|Ward 6|Ward 7|Ward 8", "Patients", "Day|Night|Weekend|Holiday", 4, 90),
)  # fmt: skip
_DEV = (
    _topic("Trees planted|New trees", "Tree", "Oak|Elm|Ash|Birch|Maple|Cedar|Pine|Yew", "Trees", "Park|Street|School|River", 5, 240),
    _topic("Calls answered|Phone calls", "Team", "Alpha|Beta|Gamma|Sigma|Omega|Theta|Kappa|Zeta", "Calls", "Early|Late|Split|Extra", 20, 900),
    _topic("Exports|Exports over time", "Year", "1991|1992|1993|1994|1995|1996|1997|1998|1999", "Tons", "Cotton|Rice|Sugar|Wool", 30, 700, 0, True),
)  # fmt: skip
_TEST = (
    _topic("Ships in port|Harbour traffic", "Harbour", "Oslo|Genoa|Izmir|Cadiz|Turku|Bergen|Haifa|Odessa|Varna", "Ships", "Cargo|Ferry|Tanker|Sail", 6, 320),
    _topic("Bread baked|Bakery output", "Bread", "Rye|Bagel|Pita|Naan|Focaccia|Brioche|Toast|Roll|Wrap", "Loaves", "Oven 1|Oven 2|Oven 3|Oven 4", 12, 800),
    _topic("Steps walked|Daily steps", "Date", "3 May|4 May|5 May|6 May|7 May|8 May|9 May|10 May", "Steps", "Gita|Hugo|Ivan|Jana", 900, 16000, 0, True),
    _topic("Instruments rented|Music rental", "Instrument", "Harp|Flute|Cello|Tuba|Viola|Oboe|Lute|Drum", "Rentals", "Weekday|Saturday|Sunday|Feast", 2, 70),
    _topic("Glacier length|Length of the glacier", "Decade", "1920|1930|1940|1950|1960|1970|1980|1990|2000", "km", "Aletsch|Fedchenko|Siachen|Bering", 4, 70, 1, True),
    _topic("Cheese made|Dairy output", "Cheese", "Brie|Feta|Gouda|Edam|Colby|Havarti|Comte|Swiss", "kg", "Farm 1|Farm 2|Farm 3|Farm 4", 10, 560),
)  # fmt: skip
TOPICS: dict[Split, tuple[Topic, ...]] = {"train": _TRAIN, "dev": _DEV, "test": _TEST}
