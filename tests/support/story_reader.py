"""A llama-index reader as a user's package would have one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document


class StoryReader(BaseReader):
    def load_data(self, file: Path, extra_info: dict[str, Any] | None = None) -> list[Document]:
        return [Document(text=Path(file).read_text(), metadata={"page_label": "3"})]
