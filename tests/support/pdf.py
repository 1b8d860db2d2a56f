"""Small PDFs drawn for tests, made with nothing but pypdf's own objects."""

from __future__ import annotations

import io


def make_pdf(*pages: str, size: tuple[int, int] = (300, 200)) -> bytes:
    """Return a PDF with one line of text a page."""
    return draw_pdf(*(f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET" if text else "" for text in pages), size=size)


def draw_pdf(
    *streams: str, size: tuple[int, int] = (612, 792), picture: bytes = b"", rotate: int = 0
) -> bytes:
    """Return a PDF of content streams; `picture` (raw 8-bit grey, 64 by 64) is `/Im1` in each."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject, NumberObject

    def named(**values: object) -> DictionaryObject:
        return DictionaryObject({NameObject(f"/{key}"): value for key, value in values.items()})

    writer = PdfWriter()
    font = named(Type=NameObject("/Font"), Subtype=NameObject("/Type1"), BaseFont=NameObject("/Helvetica"))
    for text in streams:
        page = writer.add_blank_page(*size)
        stream = DecodedStreamObject()
        stream.set_data(text.encode("latin-1"))
        resources = named(Font=named(F1=writer._add_object(font)))
        if picture:
            image = DecodedStreamObject()
            image.set_data(picture)
            image.update(
                named(
                    Type=NameObject("/XObject"),
                    Subtype=NameObject("/Image"),
                    Width=NumberObject(64),
                    Height=NumberObject(64),
                    ColorSpace=NameObject("/DeviceGray"),
                    BitsPerComponent=NumberObject(8),
                )
            )
            resources[NameObject("/XObject")] = named(Im1=writer._add_object(image))
        page[NameObject("/Contents")] = writer._add_object(stream)
        page[NameObject("/Resources")] = resources
        if rotate:
            page.rotate(rotate)
    body = io.BytesIO()
    writer.write(body)
    return body.getvalue()


def line(x: float, y: float, text: str, size: int = 10) -> str:
    """Return the operators for a line of text; y is from the bottom."""
    return f"BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n"


def paragraph(x: float, y: float, count: int) -> str:
    """Return a paragraph of lines that are 12 points apart."""
    said = "The pump was running at several speeds while the valve was left open and the pressure rose."
    return "".join(line(x, y - 12 * number, said) for number in range(count))
