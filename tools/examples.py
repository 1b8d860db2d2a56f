"""Example uses of the tools that ship: what people ask for when a tool is the right one.

A tool's own `examples` come first. They are embedded beside its description (Patil et al. 2023, "Gorilla":
a retriever sees what an API is for in the words of requests, not only in those of its documentation).
"""

from __future__ import annotations

from tools.base import Tool

EXAMPLES: dict[str, tuple[str, ...]] = {
    "look": (
        "What is shown in this image?",
        "Describe the scene in the photo.",
        "How many people are in the picture?",
        "Is there a gun or another dangerous item in this X-ray scan of a bag?",
        "Does the radiograph show an abnormality such as pneumonia or a fracture?",
        "What is the woman in the photo wearing and doing?",
        "What colour is the dog in the image?",
        "Can you see any damage, rust or leak in this picture?",
        "Where in the image is the cat?",
    ),
    "read": (
        "Read the text in this image.",
        "What is written on the label?",
        "What is the date and the amount due on this invoice?",
        "Transcribe the scanned form.",
        "Which shop issued the receipt, and at what address?",
        "What does the screenshot say?",
        "Copy out the words on the poster in the picture.",
        "What is the account number on this scanned statement?",
    ),
    "read_chart": (
        "What is the highest value in this chart?",
        "Extract the data table from the bar chart.",
        "How large is the difference between two columns of the graph?",
        "What percentage does the pie chart give for a category?",
        "What was the value of the line in 2005?",
        "Is the curve in the plot rising or falling?",
        "Which group in the chart has the lowest share?",
    ),
    "compare_images": (
        "Compare these two images.",
        "What is different between the two pictures?",
        "Are both photos of the same object?",
        "What changed from the earlier scan to the later one?",
        "Is anything missing in the second picture?",
    ),
    "search_text": (
        "What do my documents say about this?",
        "Find the section of the manual about maintenance.",
        "According to our policy, how many days of leave do employees have?",
        "Which of the reports mentions the contract?",
        "Look it up in my notes and files.",
        "What limit does the specification give?",
        "Where do the guidelines describe the procedure?",
        "What does the agreement say about termination?",
    ),
    "search_images": (
        "Find photos of a bridge in my collection.",
        "Show me stored pictures that look similar to this image.",
        "Do I have a picture of a cat?",
        "Search the indexed images for people riding horses.",
        "Which saved chart is about unemployment?",
        "Get the photograph of the engine from the archive.",
    ),
    "search_pubmed": (
        "What do clinical studies say about this treatment?",
        "Find papers on PubMed about breast cancer.",
        "Is the drug effective and safe according to published trials?",
        "Which gene causes the disease?",
        "Evidence from randomised trials and meta-analyses on a therapy.",
        "What is known in the biomedical literature about a protein?",
        "Does exercise reduce the risk of diabetes in adults?",
        "What are the side effects of this medicine in patients?",
    ),
    "search_external": (
        "Look it up in the encyclopedia.",
        "Search our wiki for this topic.",
        "Ask the external search service.",
    ),
    "search_code": (
        "Where is this function defined in the source code?",
        "Which class implements the interface?",
        "Who calls this method?",
        "What is the default value of an argument of the function?",
        "What does parse_config do?",
        "In which file and line is the variable set?",
        "Which commit changed this module?",
        "Which function raises the exception ValueError?",
        "Which part of the program opens the connection to the database or server?",
        "What arguments does the constructor take?",
    ),
}


def examples_of(tool: Tool) -> tuple[str, ...]:
    """Return a tool's example uses: its own, else those kept here, else none."""
    own: tuple[str, ...] = getattr(tool, "examples", ())
    return own or EXAMPLES.get(tool.name, ())
