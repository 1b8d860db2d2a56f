# ruff: noqa: E501 - tables of patterns and labels, one concept to a line
"""What people ask of forms and pages, and how such documents label it. General; no document type is special."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agents.answer.values import ValueKind

Strategy = Literal["label", "total", "date", "company", "address", "heading"]


@dataclass(frozen=True)
class Concept:
    """A thing that is asked for: the question's pattern, the labels that name it, best first, and its kind.

    `alone` is how much a value of the kind is worth without any label.
    """

    name: str
    kind: ValueKind
    ask: re.Pattern[str]
    labels: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    alone: float = 0.0
    strategy: Strategy = "label"


def _c(name: str, kind: ValueKind, ask: str, labels: str = "", avoid: str = "", alone: float = 0.0,
       strategy: Strategy = "label") -> Concept:  # fmt: skip
    split = tuple(part.strip() for part in labels.split("|") if part.strip())
    return Concept(name, kind, re.compile(ask, re.I), split, tuple(avoid.split()), alone, strategy)


CONCEPTS: tuple[Concept, ...] = (
    _c("fax number", "phone", r"\bfax\b", "fax|fax no|facsimile"),
    _c("phone number", "phone", r"\b(?:tele)?phone\b|\btel\b|\bmobile\b|\bcontact (?:no|number)|\bhotline\b|\bnumber .*\bcall\b",
       "phone|phone number|contact|customer service", avoid="fax facsimile id gst tax", alone=0.45),
    _c("email address", "email", r"\be-?mail\b", "email|e-mail|mail", alone=0.9),
    _c("website", "url", r"\bweb ?site\b|\bweb (?:page|address)|\burl\b|\bhome ?page\b", "website|visit|www|homepage", alone=0.85),
    _c("tax registration number", "id", r"\b(?:gst|vat|sst|tax)\b.*\b(?:id|number|no|registration|reg)\b",
       "gst id|gst number|gst registration number|gst id number|gst registration|vat number|vat id|vat registration number|tax id|tax number|sst number|sst id|gst|vat", avoid="summary invoice amount"),
    _c("company registration number", "id", r"\b(?:company|business|roc|co)\b.*\b(?:registration|reg|roc)\b|\bregistration (?:number|no)\b|\bcompany (?:number|no)\b",
       "company number|company registration|company registration number|registration number|roc number|roc|business registration number|company reg", avoid="gst tax vat"),
    _c("invoice number", "id", r"\b(?:invoice|bill|receipt|inv)\b.{0,12}\b(?:number|no|id|code|reference|#)(?!\w)",
       "invoice number|bill number|receipt number|cash invoice number|invoice|receipt|bill|slip number|document number|tax invoice|transaction number|cash bill|cash sale number", avoid="date order gst id phone total start amount"),
    _c("cashier", "name", r"\bcashier\b|\bserved\b|\bserver\b|\bwaiter\b|\bwaitress\b|\boperator\b",
       "cashier|served by|server|operator|staff|waiter|user|counter staff", avoid="total sales number"),
    _c("salesperson", "name", r"\bsales ?(?:man|person|woman|rep\w*|agent)\b|\bsold by\b", "salesman|sales person|sales man|sold by|sales rep|sales representative|agent"),
    _c("customer", "name", r"\b(?:name|who)\b.*\b(?:customer|client|buyer)\b|\bcustomer(?:'s)? name\b|\b(?:bill(?:ed)?|sold|invoiced) to\b|\bwho (?:is|was) (?:it|this|the \w+) (?:billed|sold|issued|made out) to\b",
       "customer name|customer|bill to|billed to|sold to|ship to|invoice to|name", avoid="number id code company service copy"),
    _c("recipient", "name", r"\b(?:letter|memo|message|note|email)\b.*\b(?:addressed|sent|written|go(?:es)?) to\b|\baddressed to\b|\brecipient\b|\baddressee\b", "to|dear|attention|attn|recipient|addressee"),
    _c("signer", "name", r"\bwho (?:signed|wrote|sent)\b|\bsigned by\b|\bsigner\b|\bsignator", "sincerely|yours sincerely|yours faithfully|yours truly|best regards|kind regards|regards|signed by|signed|signature|from"),
    _c("subject", "text", r"\bsubject\b|\bregarding\b|\babout what\b", "subject|re|regarding|concerning"),
    _c("address", "text", r"\baddress\b|\bwhere (?:is|was|are)\b.*\b(?:located|shop|store|restaurant|office|company|business)\b|\blocation of\b|\blocated\b", "address|located at", strategy="address"),
    _c("number of items", "count", r"\bhow many (?:different |distinct |separate )?(?:items?|products?|articles?|things|goods)\b(?! (?:of|are left))|\bnumber of items\b|\bitem count\b|\bitems? (?:were )?sold\b",
       "item count|number of item|total item|item sold|item|total number of item|no of items|total quantity|quantity", avoid="amount discount code description price rm"),
    _c("total quantity", "count", r"\btotal (?:quantity|qty)\b|\bhow many (?:units|pieces|pcs)\b|\bquantity in total\b", "total quantity|quantity count|quantity|total qty|total item", avoid="price description"),
    _c("change", "money", r"\bchange\b|\b(?:get|got|given|gave|received?|returned|handed|paid) back\b|\breturned to\b", "change|change due|cash change|balance|balance due", avoid="exchange no goods"),
    _c("rounding", "money", r"\bround(?:ing|ed)?\b(?!.*\btotal\b)", "rounding|rounding adjustment|rounding amount", avoid="total"),
    _c("subtotal", "money", r"\bsub[\s-]?total\b|\b(?:total|amount|price)\b.*\b(?:before|excluding|excl\w*|without|net of)\b.*\b(?:tax|gst|vat|sst|rounding|discount|service)\b|\bnet amount\b",
       "subtotal|total exclusive gst|total exclusive tax|total exclusive vat|total before tax|total before gst|amount before tax|total sales exclusive gst|total sales exclusive tax|total exclusive|net amount|net total", avoid="inclusive after"),
    _c("discount", "money", r"\bdiscount\b", "discount|total discount|discount amount|less discount", avoid="before after"),
    _c("tip", "money", r"\b(?:tip|gratuity)\b", "tip|gratuity|tip amount"),
    _c("delivery fee", "money", r"\b(?:delivery|shipping|postage|freight)\b.*\b(?:fee|charge|cost|price|amount)s?\b|\bhow much\b.*\b(?:delivery|shipping|postage|freight)\b", "delivery fee|shipping|delivery|delivery charge|shipping fee|postage|freight|shipping and handling|shipping cost|delivery cost", avoid="date address to note"),
    _c("deposit", "money", r"\bdeposit\b", "deposit|deposit paid|security deposit"),
    _c("service charge", "money", r"\bservice (?:charge|fee)\b", "service charge|service fee|service"),
    _c("tax amount", "money", r"\b(?:gst|vat|sst|tax)\b(?!.*\b(?:id|code|rate|invoice number)\b)(?<!with tax)(?<!including tax)(?<!inclusive tax)", "total gst|gst amount|gst payable|total tax|tax amount|gst|vat|tax|sst|sales tax|service tax|total vat|vat amount|gst tax", avoid="id number registration summary invoice inclusive exclusive code total_sales subtotal supplies"),
    _c("amount paid", "money", r"\bcash\b|\btender(?:ed)?\b|\bpaid amount\b|^(?!.*\btotal\b).*\bamount (?:was )?paid\b|\bpayment amount\b|\bhow much (?:money )?(?:did|was|were|has|had).*\b(?:hand(?:ed)?|(?<!to )pay|give|given)\b(?!.*\b(?:total|all)\b)",
       "paid amount|amount paid|cash tendered|cash received|cash|tendered|tender|payment|amount tendered|total paid|cash paid|received|visa|master|card|credit card", avoid="bill invoice change sale sales number item summary refund"),
    _c("payment method", "name", r"\b(?:payment|pay|paid)\b.*\b(?:method|mode|type|means|way)\b|\b(?:method|mode|type|means) of payment\b|\bhow (?:was|is|did) .*\b(?:paid|pay)\b", "payment mode|payment method|payment type|paid by|payment by|method of payment|mode of payment|payment"),
    _c("time", "time", r"\b(?:what|which)\b.{0,20}\btime\b|\btime of\b", "time|print time|transaction time|time of sale", alone=0.75),
    _c("date", "date", r"\bdate\b|\bwhen\b|\b(?:what|which) day\b|\bdated\b", strategy="date"),
    _c("total", "money", r"\btotal\b(?!.*\b(?:number|many|quantity|pages)\b)|\bgrand total\b|\b(?:amount|balance) (?:is |was )?(?:due|payable|owed)\b|\bpayable\b|\bto pay\b|\b(?:final|overall|whole|full|bill(?:ed)?|receipt|invoice) (?:amount|price|cost|sum)\b|\bhow much\b.*\b(?:paid|spent|spend|cost|bill|purchase|meal|altogether|in all|charged|owed?|invoice|receipt)\b|^(?:what (?:is|was) the )?amount\b.{0,30}$|\bsum\b.*\b(?:receipt|invoice|bill)\b", strategy="total"),
    _c("company", "name", r"\b(?:company|store|shop|merchant|vendor|seller|restaurant|supplier|retailer|issuer|firm|organi[sz]ation|outlet|business|establishment)\b|\bwho (?:issued|sent|made|sold)\b|\bissued by\b|\bwhere (?:was|were|did)\b.*\b(?:bought|buy|purchased?|eat|shop|issued)\b|\bletterhead\b", "company name|company|vendor|merchant|seller|supplier|from|store|shop name", avoid="registration number id gst tax", strategy="company"),
    _c("heading", "text", r"\b(?:title|heading|headline|caption|header)\b|\bwhat (?:kind|type|sort) of (?:document|form|page)\b|\bwhat is (?:this|the) (?:document|form|poster|page)\b", strategy="heading"),
)  # fmt: skip

TOTAL_LABELS: tuple[tuple[str, float], ...] = (
    ("grand total", 1.0), ("total payable", 1.0), ("amount payable", 1.0), ("total amount payable", 1.0),
    ("total amount due", 1.0), ("total due", 1.0), ("amount due", 0.97), ("balance due", 0.9), ("net total", 0.97), ("nett total", 0.97),
    ("total rounded", 1.0), ("rounded total", 1.0), ("total after rounding", 1.0), ("total inclusive", 0.98),
    ("total inclusive gst", 0.99), ("total inclusive tax", 0.99), ("total amount", 0.96), ("total", 0.95),
    ("total sales inclusive gst", 0.99), ("total sales", 0.86), ("total rm", 0.95), ("bill total", 0.96), ("invoice total", 0.97), ("order total", 0.95), ("amount to pay", 0.97),
    ("nett", 0.75), ("net amount", 0.75), ("nett amount", 0.8), ("total to pay", 1.0), ("total bill", 0.95), ("total cost", 0.93), ("total price", 0.93), ("total charge", 0.93), ("sum total", 0.95), ("total incl", 0.98), ("final total", 1.0), ("bill amount", 0.93), ("gross total", 0.93), ("amount", 0.72),
    # The same word on forms in other languages.
    ("jumlah", 0.9), ("jumlah bayaran", 0.95), ("summe", 0.9), ("gesamtbetrag", 0.95), ("montant total", 0.95),
    ("total ttc", 0.98), ("importe total", 0.95), ("totale", 0.9), ("totaal", 0.9),
)  # fmt: skip
NOT_TOTAL = frozenset(
    "quantity item discount saving savings saved tax gst vat point points number count exclusive subtotal paid tender cash change before page pcs card supplies deposit".split()
)

GENERIC_WORDS = frozenset(
    "receipt document page form image picture photo scan invoice bill paper shown printed written listed given stated "
    "according say says display displayed appear appears read value field entry line text show state there name exact "
    "number date time amount total price cost paid much many money id code kind type mention mentioned please find "
    "here see indicated recorded whole full sheet letter ticket poster table slip report statement note card".split()
)
DATE_WORDS = frozenset(
    "date when day dated issued issue purchase purchased bought buy printed print transaction paid payment sale sold "
    "made receipt invoice bill document page form written sent order ordered visit visited shopping made created year month letter take place happen happened occur sale sales item items company shop store".split()
)
