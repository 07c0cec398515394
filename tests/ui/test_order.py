"""What the review page says of an order: the RIS's words letter by letter."""

from dataclasses import replace

from clinical_ai.texts import Texts
from tests.clinical_ai.reports.test_hl7_oru import ORDER
from ui.screens.review import order_text


def test_the_reason_and_the_priority_are_shown():
    assert order_text(ORDER, Texts("zh")) == "急诊（STAT） · 胸部CT平扫 · 检查原因：咳嗽 两周"
    quiet = replace(ORDER, priority="routine", procedure_text="", reason="")
    assert order_text(quiet, Texts("en")) == ""
    cancelled = replace(quiet, state="cancelled")
    assert order_text(cancelled, Texts("en")) == "Order cancelled"


def test_hostile_words_do_not_come_alive():
    hostile = replace(ORDER, reason="<script>x</script> **b** ![](http://e.vil/a)\u202e$y$ {z}")
    shown = order_text(hostile, Texts("en"))
    assert "\\<script\\>" in shown
    assert "\\*\\*b\\*\\*" in shown
    assert "\\!\\[\\]\\(" in shown
    assert "\u202e" not in shown
    assert "\\{z\\}" in shown
