"""A radiologist's work in a real Chromium: sign in, open, decide, sign."""

import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import select

from clinical_ai.formats import person_name
from clinical_ai.pathways.alarm_store import open_alarms
from clinical_ai.record_link import linked_person, match_policy, study_patient
from clinical_ai.records.match_queue import match_patient
from clinical_ai.records.store import RecordStore
from clinical_ai.routing import placement
from clinical_ai.services import open_services
from clinical_ai.store.reads import begin_attempt
from clinical_ai.store.routing import replace_decision
from clinical_ai.store.tables import audit_event, patient_match_decision, result_object
from pacs_bridge.database import writing
from pacs_bridge.routing.actions import Actions
from pacs_bridge.routing.decision import Decision
from tests.support.fhir_people import patient
from tests.support.processes import answers, free_port, started, wait_for
from tests.ui.hospital import HOSTILE_NAME, HOSTILE_REFERENCE, PASSWORD
from ui.literal import literal

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no /usr/bin/chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with playwright.sync_playwright() as tool:
        chromium = tool.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, site) -> Iterator[object]:
    """A page that fails the test for a console error or a request to another host."""
    faults: list[str] = []
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.set_default_timeout(30_000)
    own = (site.url, site.url.replace("http", "ws"), "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(own) or faults.append(f"request {r.url}"))
    page.on("console", lambda m: m.type == "error" and faults.append(f"console: {m.text}"))
    page.on("pageerror", lambda e: faults.append(f"error: {e}"))
    page.on("dialog", lambda d: (faults.append(f"dialog: {d.message}"), d.dismiss()))
    yield page
    page.close()
    assert faults == []


def sign_in(page, site, username="liwei", query=""):
    page.goto(site.url + query)
    page.get_by_label("User name").fill(username)
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def open_study(page, site, name, username="liwei"):
    sign_in(page, site, username, f"/?study={site.hospital.studies[name]}")
    page.get_by_test_id("stImage").first.wait_for()


def events(site, action, study):
    services = open_services(site.hospital.settings)
    with closing(services), services.engine.connect() as connection:
        rows = connection.execute(
            select(audit_event.c.username).where(
                audit_event.c.action == action,
                audit_event.c.study_uid == site.hospital.studies[study],
            )
        )
        return [r.username for r in rows]


def test_a_radiologist_opens_decides_and_signs(page, site):
    sign_in(page, site)
    table = page.get_by_test_id("stDataFrame")
    table.wait_for()
    playwright.expect(page.get_by_text("8 studies")).to_be_visible()
    box = table.bounding_box()
    page.mouse.click(box["x"] + 40, box["y"] + 38 + 19)  # "Open" of the first row: the urgent one
    page.get_by_role("heading", name="王小东 (Wang XiaoDong)").wait_for()
    assert f"study={site.hospital.studies['urgent']}" in page.url
    assert "Wang" not in page.url
    playwright.expect(page.get_by_text("Preliminary AI result")).to_be_visible()
    playwright.expect(page.get_by_text("Detects lung nodules of 4 to 30 mm")).to_be_visible()
    page.get_by_test_id("stImage").first.wait_for()
    playwright.expect(page.get_by_text("findings on this image: 1")).to_be_visible()

    sign = page.get_by_role("button", name="Sign", exact=True)
    playwright.expect(sign).to_be_disabled()
    page.get_by_role("button", name="Accept", exact=True).first.click()
    playwright.expect(page.get_by_text(re.compile("^accepted by liwei"))).to_be_visible()
    playwright.expect(page.get_by_text("Still to decide: finding 2")).to_be_visible()

    page.get_by_role("button", name="Reject", exact=True).nth(1).click()
    playwright.expect(page.get_by_text("Give a reason for rejecting the finding.")).to_be_visible()
    reason = page.get_by_label("Reason, when you reject finding 2")
    reason.fill("vessel **crossing**")
    reason.press("Enter")
    page.get_by_role("button", name="Reject", exact=True).nth(1).click()
    playwright.expect(page.get_by_text(re.compile("^rejected by liwei"))).to_contain_text(
        "vessel **crossing**"
    )

    playwright.expect(sign).to_be_enabled()
    page.get_by_role("textbox", name="Your password").fill("wrong password")
    sign.click()
    playwright.expect(page.get_by_text("User name or password is wrong.")).to_be_visible()
    page.get_by_role("textbox", name="Your password").fill(PASSWORD)
    sign.click()
    playwright.expect(page.get_by_text(re.compile("^Signed by 李伟 on 20"))).to_be_visible()
    playwright.expect(page.get_by_role("button", name="Accept", exact=True)).to_have_count(0)
    playwright.expect(sign).to_have_count(0)

    assert events(site, "sign", "urgent") == ["liwei"]
    # once before and once after the signature; reruns of the page are no views
    assert events(site, "view", "urgent") == ["liwei", "liwei"]
    services = open_services(site.hospital.settings)
    with closing(services), services.engine.connect() as connection:
        assert "SR-final" in connection.execute(select(result_object.c.kind)).scalars().all()


def test_hostile_text_is_shown_letter_by_letter(page, site):
    open_study(page, site, "hostile")
    shown = page.get_by_role("heading").first.inner_text().replace("\u2060", "")
    assert shown == person_name(HOSTILE_NAME)
    playwright.expect(page.get_by_text("<b>Chest</b> **LDCT**")).to_be_visible()
    main = page.get_by_test_id("stMain")
    assert main.locator("a, script, .katex").count() == 0
    assert main.locator("img").count() == page.get_by_test_id("stImage").locator("img").count()


def test_record_and_risk_are_shown_with_dates_sources_and_what_is_missing(page, site):
    open_study(page, site, "late")
    page.get_by_text("Record and risk · record used").click()
    panel = page.locator(".st-key-record-and-risk")
    shown = " ".join(panel.inner_text().replace("\u2060", "").split())
    assert "local Patient/p1" in shown
    assert "smoked formerly" in shown
    assert "pack-years 30 2026-01-01" in shown
    assert "total CVD, 10 years" in shown
    assert f"local {HOSTILE_REFERENCE}" in shown
    assert "PREVENT" in shown
    assert "not signed yet" in shown
    assert "Reading/r" in shown
    assert "Not listed in the record, taken as absent: diabetes." in shown
    assert "north_of_yangtze" in shown
    assert panel.locator("a, img, script, b").count() == 0


def test_a_record_that_may_be_another_persons_is_warned_of(page, site):
    open_study(page, site, "hostile")
    warning = page.get_by_text("A record was found that may be another person's").first
    playwright.expect(warning).to_be_visible()
    playwright.expect(page.get_by_text("Record and risk · record uncertain")).to_be_visible()


def open_follow_up(page, site, username="smith"):
    sign_in(page, site, username)
    page.get_by_text("Follow-up", exact=True).click()
    page.get_by_role("button", name="Look through all records").click()
    page.get_by_text("2 people looked at").wait_for()


def choose_first_row(page, table):
    """Choose a row by its box, which the grid draws itself."""
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    page.mouse.click(box["x"] + 15, box["y"] + 52)


def test_a_physician_sees_an_alarm_and_acknowledges_it(page, site):
    open_follow_up(page, site)
    choose_first_row(page, "Alarms")
    page.get_by_label("What was done").fill("Called the patient")
    page.get_by_text("Readings at home").wait_for()
    assert page.get_by_text("Qian").count() >= 1
    page.get_by_role("button", name="Acknowledge", exact=True).click()
    services = open_services(site.hospital.settings)
    with closing(services):
        wait_for(lambda: acknowledged(services) == {"smith"}, "the acknowledgement")
        with services.engine.connect() as connection:
            actions = set(connection.execute(select(audit_event.c.action)).scalars())
    assert {"alarm-acknowledged", "view-record"} <= actions


def acknowledged(services):
    with services.engine.connect() as connection:
        alarms = open_alarms(connection, all_alarms=True)
    return {a.acknowledged_by for a in alarms if a.acknowledged_at is not None}


def test_the_overdue_list_shows_hostile_text_letter_by_letter(page, site):
    open_follow_up(page, site)
    page.get_by_text("Overdue", exact=True).first.click()
    page.get_by_text("visits and tests of").wait_for()
    choose_first_row(page, "Overdue")
    page.get_by_role("heading", name="<script>").wait_for()
    assert page.locator("h3 script, h3 strong, h3 img").count() == 0


def test_a_radiologist_may_look_at_alarms_but_not_acknowledge(page, site):
    open_follow_up(page, site, "liwei")
    assert page.get_by_role("button", name="Acknowledge", exact=True).count() == 0


def test_a_case_is_opened_discussed_exported_and_closed(page, site, tmp_path):
    sign_in(page, site, "smith")
    page.get_by_text("Case board", exact=True).click()
    page.get_by_label("Title, without the patient's name").fill("**x** <b>nodule</b>")
    page.get_by_label("Studies of the patient").click()
    page.get_by_role("option").filter(has_text="王小东").first.click()
    page.keyboard.press("Escape")
    page.get_by_label("Question", exact=True).fill("Operate?<script>alert(1)</script>")
    page.get_by_role("button", name="Open the case").click()
    page.get_by_role("heading", name="**x** <b>nodule</b>").wait_for()
    page.get_by_label("Opinion or question").fill("Wait three months.")
    page.get_by_role("button", name="Record as opinion").click()
    page.get_by_text("Wait three months.").wait_for()
    assert page.get_by_text("Operate?<script>alert(1)</script>").count() == 1
    page.get_by_text("Tele-consultation", exact=True).click()
    page.get_by_role("button", name="Make a bundle without identity").click()
    with page.expect_download(timeout=90_000) as download:
        page.get_by_role("button", name="Download").click(timeout=90_000)
    download.value.save_as(tmp_path / "case.zip")
    with zipfile.ZipFile(tmp_path / "case.zip") as bundle:
        assert "summary.zh.pdf" in bundle.namelist()
    page.get_by_text("Close the case", exact=True).click()
    page.get_by_label("Conclusion").fill("Follow-up CT")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    page.get_by_role("button", name="Close with this conclusion").click()
    page.get_by_role("button", name="Reopen").wait_for()
    assert events(site, "case-open", "urgent") == ["smith"]


def test_an_uncertain_record_is_shown_with_its_evidence_and_decided(page, site):
    study = site.hospital.studies["clear"]
    with closing(open_services(site.hospital.settings)) as services:
        query = study_patient(services, study).query
        like = patient("like", family="<b>x</b>", born="1988-09-09", gender="female")
        like["name"].append({"text": "赵敏"})
        RecordStore(services.engine).put([like], origin="local")
        policy = match_policy(services.settings)
        found = match_patient(services.engine, query, policy, study_uid=study)
        assert found.outcome == "uncertain"
    sign_in(page, site, "smith")
    page.get_by_text("Uncertain records", exact=True).click()
    page.get_by_text("same birth date", exact=False).first.wait_for()
    assert page.get_by_text("<b>x</b>", exact=False).count() == 1
    page.get_by_label("Reason").first.fill("Compared with the identity card")
    page.get_by_role("button", name="This is the patient").first.click()
    page.get_by_text("No patient waits for a decision.").wait_for()
    with closing(open_services(site.hospital.settings)) as services:
        assert linked_person(services, query) == ("local", "like")
        with services.engine.connect() as connection:
            (row,) = connection.execute(select(patient_match_decision))
    assert (row.username, row.reason) == ("smith", "Compared with the identity card")


def test_scrolling_and_windows_change_the_picture(page, site):
    open_study(page, site, "hostile")
    picture = page.get_by_test_id("stImage").locator("img").first
    seen = {picture.get_attribute("src")}

    def changed():
        page.wait_for_function(
            "seen => !seen.includes(document.querySelector('[data-testid=stImage] img')"
            "?.getAttribute('src') ?? seen[0])",
            arg=list(seen),
        )
        seen.add(picture.get_attribute("src"))

    caption = page.get_by_text(re.compile(r"^Image \d+ of 32"))
    first = caption.inner_text()
    page.get_by_role("button", name="Down").click()
    changed()
    playwright.expect(caption).not_to_have_text(first)
    page.get_by_text("Bone", exact=True).click()
    changed()
    page.get_by_text("Close-up of the finding").click()
    changed()
    page.get_by_role("slider").press("ArrowRight")
    changed()
    page.get_by_text("Contours", exact=True).click()


def test_chinese_page_names_the_banner_and_the_guidelines(page, site):
    open_study(page, site, "late")
    page.get_by_text("中文").click()
    playwright.expect(page.get_by_text("AI 初步结果——经医师签发前不构成诊断")).to_be_visible()
    playwright.expect(page.get_by_text("2. 肺结节, 右肺")).to_be_visible()
    page.get_by_role("button", name=re.compile("v1 · 已被替代")).click()
    playwright.expect(page.get_by_text("此版本已被替代，不能签发")).to_be_visible()
    playwright.expect(page.get_by_role("button", name="采纳", exact=True)).to_have_count(0)


def test_a_study_that_was_not_read_shows_why_and_its_images_but_no_signature(page, site):
    open_study(page, site, "mammogram")
    playwright.expect(page.get_by_text("No mammography model is installed.")).to_be_visible()
    playwright.expect(page.get_by_test_id("stImage")).to_have_count(4)
    playwright.expect(page.get_by_role("button", name="Sign", exact=True)).to_have_count(0)


def test_a_physician_may_look_but_not_decide(page, site):
    open_study(page, site, "hostile", "smith")
    playwright.expect(page.get_by_text("a radiologist decides and signs")).to_be_visible()
    playwright.expect(page.get_by_role("button", name="Accept", exact=True)).to_have_count(0)


def hold_a_study(site) -> None:
    """Hold a study of the prepared hospital as a rule does."""
    key = (site.hospital.studies["running"], site.hospital.versions["running"])
    held = Decision("wait for consent", Actions(hold=True), (), None, 0.0)
    services = open_services(site.hospital.settings)
    with closing(services), writing(services.engine) as connection:
        replace_decision(connection, *key, held)
        begin_attempt(connection, *key, placement(held))


def test_a_held_study_shows_why_and_a_radiologist_releases_it(page, site):
    hold_a_study(site)
    open_study(page, site, "running")
    playwright.expect(
        page.get_by_text("held: Held by routing rule wait for consent until it is released.")
    ).to_be_visible()
    page.get_by_role("button", name="Release this study").click()
    playwright.expect(page.get_by_role("button", name="Release this study")).to_have_count(0)
    playwright.expect(page.get_by_text("queued", exact=True).first).to_be_visible()
    assert events(site, "release", "running") == ["liwei"]


def test_a_physician_sees_a_held_study_but_cannot_release_it(page, site):
    hold_a_study(site)
    open_study(page, site, "running", "smith")
    playwright.expect(page.get_by_text("held: Held by routing rule")).to_be_visible()
    playwright.expect(page.get_by_role("button", name="Release this study")).to_have_count(0)


def test_nothing_is_shown_before_the_sign_in_or_after_the_sign_out(page, site):
    page.goto(f"{site.url}/?study={site.hospital.studies['urgent']}")
    page.get_by_label("User name").fill("liwei")
    page.get_by_role("textbox", name="Password").fill("not the password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    playwright.expect(page.get_by_text("User name or password is wrong.")).to_be_visible()
    assert "王小东" not in page.content()
    open_study(page, site, "urgent")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name").wait_for()
    playwright.expect(page.get_by_text("王小东")).to_have_count(0)


@pytest.mark.parametrize("query", ["?study=../etc", "?study=1.2.3", "?study=1.2&version=%3Cb%3E"])
def test_an_address_that_names_no_study_says_so(page, site, query):
    sign_in(page, site, query=f"/{query}")
    told = re.compile("The address does not name a study|not in the worklist")
    playwright.expect(page.get_by_text(told)).to_be_visible()


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "**b** _i_ ~~s~~ `c`",
    "# heading",
    "- list",
    "1. list",
    "> quote",
    "    code",
    "![x](http://e.vil/a.png)",
    "[x](http://e.vil)",
    "http://e.vil/a www.evil.com a@b.com <http://e.vil>",
    "$x^2$ $$y$$ \\(z\\)",
    ":red[x] :material/home: :smile: :blue-background[x] :streamlit:",
    "a -> b <- c -- d >= e <= f ~= g <-> h",
    "| a | b |\n|---|---|",
    "&lt; &amp; \\* \\",
    "***",
    "[^1]: note",
]


def test_escaping_holds_in_streamlits_own_markdown(browser, tmp_path):
    """Every place where `literal` is used, in the renderer that is installed."""
    script = tmp_path / "app.py"
    texts = [literal(t) for t in HOSTILE]
    script.write_text(
        "import streamlit as st\n"
        f"for i, text in enumerate({texts!r}):\n"
        "    with st.container(key=f'm{i}'): st.markdown(text)\n"
        "    with st.container(key=f'c{i}'): st.caption(text)\n"
        "    with st.container(key=f'w{i}'): st.warning(text)\n"
        "    with st.container(key=f'b{i}'): st.button(text, key=f'button{i}')\n"
        "    with st.container(key=f't{i}'): st.table({'x': [text]})\n"
        "st.text('end')\n"
    )
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    command += ["--server.address=127.0.0.1", "--server.headless=true"]
    command += ["--browser.gatherUsageStats=false", "--server.fileWatcherType=none"]
    with started(command, tmp_path / "log"):
        wait_for(lambda: answers(port), "streamlit")
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}")
        page.get_by_text("end", exact=True).wait_for(timeout=30_000)
        for number, text in enumerate(HOSTILE):
            for place in "mcwbt":
                box = page.locator(f".st-key-{place}{number}")
                wait_for(lambda box=box: box.inner_text().strip(), "the element to be drawn")
                shown = " ".join(box.inner_text().replace("\u2060", "").split())
                expected = " ".join(text.split())
                assert shown in (expected, f"x {expected}"), (place, text)
                inside = box.locator("a, img, code, em, strong, del, h1, li, blockquote, .katex")
                assert inside.count() == 0, (place, text)
        page.close()
