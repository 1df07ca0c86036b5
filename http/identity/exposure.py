"""Whether the server may listen where it is told to: a server that anybody may use stays on this machine.

Pure. Asked by the composition root, before the server listens.
"""

from boxoffice.http.identity.origin import is_loopback


def refusal_to_listen(
    host: str, *, has_keys: bool, has_tokens: bool, insecure: bool, trusted_proxies: bool
) -> str | None:
    """Why the server must not listen on `host`, as a sentence that says what to do; None if it may.

    `has_keys`: there is an API key, `has_tokens`: customers' tokens are taken. Without either everybody may
    do everything, which is for this machine only; and not even for that if there is a proxy in front, because
    then whoever reaches the proxy is here.
    """
    if has_keys or has_tokens or insecure:
        return None
    if trusted_proxies:
        who = "a proxy is trusted, and without an API key whoever reaches it may do everything"
    elif host != "localhost" and not is_loopback(host):  # any other name might be anywhere
        who = "without an API key whoever reaches that address may do everything"
    else:
        return None
    return (
        f"Not listening on {host or 'every address'}: {who}. Make a key with"
        " `boxoffice keys create --name NAME --scope admin`, or give --insecure (BOXOFFICE_INSECURE=true) if"
        " that is what you want."
    )
