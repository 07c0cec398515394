"""Every text of the card has its Chinese."""

import ast
import json
from pathlib import Path

from risk_models.survival import model_card


def test_no_text_is_without_translation() -> None:
    source = Path(model_card.__file__)
    table = json.loads(source.with_name("model_card_zh.json").read_text("utf-8"))
    calls = [
        node
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("N_", "words")
    ]
    texts = {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}
    assert texts == set(table)
    for english, chinese in table.items():
        fields = {part.split("}")[0] for part in english.split("{")[1:]}
        assert fields == {part.split("}")[0] for part in chinese.split("{")[1:]}
