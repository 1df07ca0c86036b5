"""Takes secrets out of text: the last line of defence before anything is printed or logged.

Nothing of ours puts a secret into a sentence; a library's error may. So it knows what secrets look like, not
what they are, and rather masks too much. Pure; called on any thread.
"""

import re

MASK = "***"

_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), by)
    for pattern, by in (
        (r"\b(bo_[0-9a-z]+_)[\w-]+", rf"\g<1>{MASK}"),
        (r"\bbh_[\w-]+", f"bh_{MASK}"),
        (r"\b(bearer|basic)(\s+)[\w.~+*/=-]+", rf"\g<1>\g<2>{MASK}"),
        (r"\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?", f"eyJ{MASK}"),
        # A password may hold an unescaped @ or /: up to the last @, in bounded steps, whatever is in between.
        (r"(://[^\s:@/]*:)[^\s'\"]{1,512}@", rf"\g<1>{MASK}@"),
        (r"([?&][\w-]*(?:key|token|sig)[\w-]*=)[^\s&'\"]+", rf"\g<1>{MASK}"),
        (
            r"(password|passwd|secret)(['\"]?\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s&,;)'\"]+)",
            rf"\g<1>\g<2>{MASK}",
        ),
    )
)
"""API keys keep their public id; a JWT keeps nothing, because its middle names a customer."""

_HINTS = ("bo_", "bh_", "bearer", "basic", "eyj", "://", "password", "passwd", "secret")
"""One of these is in whatever a pattern finds. To look for them costs a tenth of looking for the patterns."""


def masked(text: str) -> str:
    """The text with `***` in place of API keys, handshakes, bearer tokens, JWTs and passwords."""
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS):
        return text
    for pattern, by in _PATTERNS:
        text = pattern.sub(by, text)
    return text
