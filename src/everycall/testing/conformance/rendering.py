"""What `render` must make of one sample: its own ids and new ones, successes and failures, text, media and nothing."""

from collections.abc import Mapping, Sequence

from everycall.core.calls import ToolCall
from everycall.core.content import Content, File, Image, Part, Text
from everycall.dialects.media import encoded
from everycall.testing.conformance.exchange import (
    Case,
    check_exchange,
    failed,
    marker,
    owned,
    succeeded,
    where_results_are,
)
from everycall.testing.conformance.looking import Leaves, holds, leaves, picture, places_of, texts
from everycall.testing.conformance.verdict import shown

ADDRESS = "https://example.com/"
MEDIA: Mapping[str, tuple[Image | File, bytes | str]] = {
    "an image": (Image(data=b"\x89PNG, more or less", media_type="image/png"), b"\x89PNG, more or less"),
    "an image of an odd type": (Image(data=b"an odd image", media_type="image/x-odd"), b"an odd image"),
    "the address of an image": (Image(url=f"{ADDRESS}image.png"), f"{ADDRESS}image.png"),
    "a file": (File(data=b"%PDF-1.7", media_type="application/pdf", name="notes"), b"%PDF-1.7"),
    "the address of a file": (File(url=f"{ADDRESS}notes.pdf", media_type="application/pdf"), f"{ADDRESS}notes.pdf"),
    "a file with nothing in it": (File(name="an empty one"), "an empty one"),
}
"""Per kind of part: one of it, and what shows that it was sent."""

EMPTY: tuple[Content, ...] = ("", " ", "\n", (), (Text(""),), (Text(" "), Text("")))


def check_rendering(case: Case, *, keeps: Sequence[str | bytes], refuses_empty_text: bool) -> None:
    """Check the exchanges that come of one sample.

    Args:
        case: the sample, as read.
        keeps: what must go back as it came.
        refuses_empty_text: the provider refuses a result without text.
    """
    _check_purity(case)  # first: what is changed in place is changed by the first rendering
    for one in (case, case.under_new_ids()):
        rendered = check_exchange(one)
        if rendered is None:
            return
        sent_back = leaves(rendered.assistant_message)
        for text in keeps:
            one.require(holds(sent_back, text), "keeps-companions", f"{text!r} is lost")
        check_exchange(one, failed)
    for call in case.calls:
        _check_failure(case, call)
        _check_media(case, call)
    if refuses_empty_text and case.calls:
        _check_empty(case)


def _check_purity(case: Case) -> None:
    results = [succeeded(call) for call in case.calls]
    before = picture(case.parsed)
    one, other = case.render(results), case.render(results)
    case.require(picture(case.parsed) == before, "render-changes-nothing", "render changed what was parsed")
    case.require(picture(one) == picture(other), "render-changes-nothing", "two renderings differ")


def _check_failure(case: Case, failing: ToolCall) -> None:
    """Check that the failure of one call shows, by a flag or by its envelope, on this call and on no other."""
    plain = {call.position: succeeded(call, marker(call)) for call in case.calls}
    variants = (
        plain,
        {**plain, failing.position: failed(failing, marker(failing))},  # the same text: only a flag can tell
        {**plain, failing.position: failed(failing)},
    )
    rendered = [case.render(list(results.values())) for results in variants]
    found = [leaves(one.messages) for one in rendered if one is not None]
    if len(found) < len(variants):
        return
    places = [where_results_are(case, one) for one in found]
    for call in case.calls:
        if not all(call.position in one for one in places):
            continue  # a kind of call that takes no text, and says so in `replaced`
        sound, flagged, whole = (owned(*pair, call) for pair in zip(found, places, strict=True))
        differs = picture([leaf for _, leaf in sound]) != picture([leaf for _, leaf in flagged])
        if call is failing:
            says = differs or any("tool_error" in text for _, text in texts(whole))
            case.require(says, "shows-failures", f"nothing says that call {call.position} has failed")
        else:
            case.require(
                not differs, "shows-failures", f"call {failing.position} failed, and call {call.position} shows it"
            )


def _check_media(case: Case, call: ToolCall) -> None:
    bare: dict[int, tuple[Part, ...]] = {one.position: (Text(marker(one)),) for one in case.calls}
    without = case.render([succeeded(one, bare[one.position]) for one in case.calls])
    for what, (part, sign) in MEDIA.items():
        mixed = {**bare, call.position: (*bare[call.position], part)}
        rendered = case.render([succeeded(one, mixed[one.position]) for one in case.calls], f", with {what}")
        if rendered is None or without is None:
            return
        found = leaves(rendered.messages)
        told = call.position in rendered.replaced
        dropped = f"{what} in the result of call {call.position} was dropped"
        case.require(told or _shows(found, sign), "shows-media-or-says-so", dropped)
        if told and places_of(found, marker(call)):
            in_words = picture(rendered.messages) != picture(without.messages)
            case.require(in_words, "shows-media-or-says-so", f"no words stand for {what}")


def _shows(found: Leaves, sign: bytes | str) -> bool:
    if isinstance(sign, bytes) and holds(found, sign):
        return True
    text = encoded(sign) if isinstance(sign, bytes) else sign
    return any(text in leaf for _, leaf in texts(found))


def _check_empty(case: Case) -> None:
    for content in EMPTY:
        for make in (succeeded, failed):
            rendered = case.render([make(call, content) for call in case.calls], f", with {content!r}")
            blank = [path for path, leaf in leaves(rendered.messages) if _is_blank(leaf)] if rendered else []
            case.require(not blank, "no-empty-text", f"{content!r} left {shown(blank[:1])} empty")


def _is_blank(leaf: object) -> bool:
    return (isinstance(leaf, str) and not leaf.strip()) or (isinstance(leaf, list | tuple) and not leaf)
